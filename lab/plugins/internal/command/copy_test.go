package command

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
)

func asset(t *testing.T, a *resource.Asset, err error) resource.PropertyValue {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	return resource.NewProperty(a)
}

func textAsset(t *testing.T, text string) resource.PropertyValue {
	a, err := resource.NewTextAsset(text)
	return asset(t, a, err)
}

func fileAsset(t *testing.T, path string) resource.PropertyValue {
	a, err := resource.NewPathAsset(path)
	return asset(t, a, err)
}

func archive(t *testing.T, path string) resource.PropertyValue {
	t.Helper()
	a, err := resource.NewPathArchive(path)
	if err != nil {
		t.Fatal(err)
	}
	return resource.NewProperty(a)
}

func wantFile(t *testing.T, path, want string) {
	t.Helper()
	if got, err := os.ReadFile(path); err != nil || string(got) != want {
		t.Errorf("%s has %q (%v), want %q", path, got, err, want)
	}
}

func TestCopyToRemote(t *testing.T) {
	s, from, to := startServer(t, nil), t.TempDir(), t.TempDir()
	if err := os.MkdirAll(filepath.Join(from, "tree", "sub"), 0o755); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(from, "tree", "sub", "file")
	if err := os.WriteFile(file, []byte("one"), 0o644); err != nil {
		t.Fatal(err)
	}
	put := func(source resource.PropertyValue, path string) resource.PropertyMap {
		in := with(m{"connection": s.connection(nil), "remotePath": path})
		in["source"] = source
		return in
	}
	at := func(name string) string { return filepath.Join(to, name) }
	create := func(source resource.PropertyValue, path string) {
		one(t, "remote:CopyToRemote").Create(put(source, path))
	}

	create(fileAsset(t, file), at("a"))
	wantFile(t, at("a"), "one")
	create(fileAsset(t, file), to)
	wantFile(t, at("file"), "one")
	create(archive(t, filepath.Join(from, "tree")), at("x"))
	wantFile(t, at("x/tree/sub/file"), "one")
	create(archive(t, filepath.Join(from, "tree")+"/"), at("y"))
	wantFile(t, at("y/sub/file"), "one")

	c := one(t, "remote:CopyToRemote").Create(put(textAsset(t, "first"), at("text")))
	wantFile(t, at("text"), "first")
	c.WantDiff("no change", "none", put(textAsset(t, "first"), at("text")))
	c.WantDiff("content", "update", put(textAsset(t, "second"), at("text")))
	if err := c.TryUpdate(put(textAsset(t, "second"), at("text"))); err != nil {
		t.Fatal(err)
	}
	wantFile(t, at("text"), "second")
	logins := s.value(&s.logins)
	moved := put(textAsset(t, "second"), at("text"))
	moved["connection"].ObjectValue()["dialErrorLimit"] = resource.NewProperty(3.0)
	if err := c.TryUpdate(moved); err != nil || s.value(&s.logins) != logins {
		t.Errorf("a change of the connection alone copied again (%v)", err)
	}
	moved = moved.Copy()
	moved["triggers"] = resource.NewProperty([]resource.PropertyValue{resource.NewProperty("t")})
	c.WantDiff("triggers", "replace", moved)
	if err := c.TryDelete(); err != nil {
		t.Error(err)
	}
	wantFile(t, at("text"), "second")
	if len(c.Check(put(resource.NewProperty("text"), at("text")))) == 0 {
		t.Error("a plain string as the source was accepted")
	}
}
