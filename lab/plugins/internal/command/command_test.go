package command

import (
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"

	"stratiform.local/lab/plugins/internal/provider/providertest"
)

type m = map[string]any

var with = providertest.Props

func TestMain(main *testing.M) {
	_ = os.Unsetenv("SSH_AUTH_SOCK")
	os.Exit(main.Run())
}

func one(t *testing.T, kind string) *providertest.One {
	return providertest.New(t, New("1.2.1", nil), "command:"+kind)
}

// remote makes inputs of a remote.Command.
func remote(s *server, in m) resource.PropertyMap {
	if in["connection"] == nil {
		in["connection"] = s.connection(nil)
	}
	return with(in)
}

func TestLifeOfRemoteCommand(t *testing.T) {
	s, log := startServer(t, nil), filepath.Join(t.TempDir(), "log")
	in := m{
		"create": "read x; echo create $x >> " + log + "; echo out; echo err >&2",
		"update": "read x; echo update $x >> " + log,
		"delete": "read x; echo delete $x >> " + log, "stdin": "first\n",
	}
	c := one(t, "remote:Command").Create(remote(s, in))
	if c.Text("stdout") != "out" || c.Text("stderr") != "err" || !strings.HasPrefix(string(c.ID), "one") {
		t.Errorf("stdout %q, stderr %q, ID %q", c.Text("stdout"), c.Text("stderr"), c.ID)
	}
	in["stdin"], in["delete"] = "second\n", "read x; echo remove $x >> "+log
	if err := c.TryUpdate(remote(s, in)); err != nil {
		t.Fatal(err)
	}
	delete(in, "update")
	in["stdin"] = "third\n"
	if err := c.TryUpdate(remote(s, in)); err != nil {
		t.Fatal(err)
	}
	if err := c.TryDelete(); err != nil {
		t.Fatal(err)
	}
	got, _ := os.ReadFile(log)
	if want := "create first\nupdate second\ncreate third\nremove third\n"; string(got) != want {
		t.Errorf("ran:\n%swant:\n%s", got, want)
	}
}

func TestDeleteRunsTheOldStateAtTheOldHost(t *testing.T) {
	old, log := startServer(t, nil), filepath.Join(t.TempDir(), "log")
	c := one(t, "remote:Command").Create(remote(old, m{"delete": "cat > " + log, "stdin": "old"}))
	c.Inputs = remote(startServer(t, nil), m{"delete": "false", "stdin": "new"}) // inputs that were never applied
	if err := c.TryDelete(); err != nil {
		t.Fatal(err)
	}
	if got, _ := os.ReadFile(log); string(got) != "old" {
		t.Errorf("delete read %q, want the old stdin", got)
	}
	if old.value(&old.logins) != 1 {
		t.Errorf("%d logins at the old host, want 1: create is empty and runs nothing", old.value(&old.logins))
	}
}

func TestOnlyTriggersReplace(t *testing.T) {
	s := startServer(t, nil)
	in := func(more m) resource.PropertyMap {
		all := m{"create": "true", "triggers": []any{"a", 1}}
		for key, value := range more {
			all[key] = value
		}
		return remote(s, all)
	}
	c := one(t, "remote:Command").Create(in(nil))
	c.WantDiff("no change", "none", in(nil))
	c.WantDiff("triggers", "replace", in(m{"triggers": []any{"b", 1}}))
	for _, key := range []string{"create", "update", "delete", "stdin"} {
		c.WantDiff(key, "update", in(m{key: "echo"}))
	}
	c.WantDiff("logging", "update", in(m{"logging": "none"}))
	c.WantDiff("host", "update", in(m{"connection": s.connection(m{"host": "other"})}))
	unknown := in(nil)
	unknown["connection"] = resource.MakeComputed(resource.NewProperty(""))
	c.WantDiff("unknown connection", "update", unknown)
	if len(c.Check(unknown)) > 0 || len(c.Check(with(m{"create": "true"}))) == 0 {
		t.Error("check: an unknown connection is fine, a missing one is not")
	}
	if state := c.Preview(unknown); !state["stdout"].IsComputed() {
		t.Error("stdout is known in a preview")
	}
}

func TestFailureHasTheOfficialText(t *testing.T) {
	s := startServer(t, nil)
	err := one(t, "remote:Command").TryCreate(remote(s, m{"create": "echo to stdout; echo to stderr >&2; exit 3", "logging": "none"}))
	if !contains(err, "Process exited with status 3: running \"echo to stdout; echo to stderr >&2; exit 3\":\n") ||
		!contains(err, "to stdout\n") || !contains(err, "to stderr\n") {
		t.Errorf("error: %v", err)
	}
	c := one(t, "remote:Command").Create(remote(s, m{"create": "true", "delete": "exit 4"}))
	if err := c.TryDelete(); !contains(err, "status 4") {
		t.Errorf("delete: %v", err)
	}
}

func TestHostKey(t *testing.T) {
	s := startServer(t, nil)
	other, _ := newSigner(t)
	start := time.Now()
	err := one(t, "remote:Command").TryCreate(remote(s, m{"create": "true", "connection": s.connection(m{
		"hostKey": string(ssh.MarshalAuthorizedKey(other.PublicKey())), "dialErrorLimit": 10,
	})}))
	if !contains(err, "host key mismatch") || !contains(err, ssh.FingerprintSHA256(s.hostKey.PublicKey())) {
		t.Errorf("error: %v", err)
	}
	if time.Since(start) > time.Second || s.value(&s.logins) != 0 {
		t.Errorf("a wrong host key took %s and %d logins; it must end at once", time.Since(start), s.value(&s.logins))
	}
	err = one(t, "remote:Command").TryCreate(remote(s, m{"create": "true", "connection": s.connection(m{"hostKey": "nonsense"})}))
	if !contains(err, "connection.hostKey") {
		t.Errorf("malformed host key: %v", err)
	}
	one(t, "remote:Command").Create(remote(s, m{"create": "true", "connection": s.connection(m{"hostKey": nil})}))
}

func TestLogin(t *testing.T) {
	signer, key := newSigner(t)
	s := startServer(t, signer.PublicKey())
	try := func(more m) error {
		return one(t, "remote:Command").TryCreate(remote(s, m{"create": "true", "connection": s.connection(more)}))
	}
	if err := try(m{"password": nil, "privateKey": opensshKey(t, key, "")}); err != nil {
		t.Errorf("key: %v", err)
	}
	if err := try(m{"password": nil, "privateKey": opensshKey(t, key, "pass"), "privateKeyPassword": "pass"}); err != nil {
		t.Errorf("encrypted key: %v", err)
	}
	if err := try(m{"password": nil, "privateKey": opensshKey(t, key, "pass"), "privateKeyPassword": "no"}); !contains(err, "privateKey") {
		t.Errorf("wrong passphrase: %v", err)
	}
	if err := try(m{"password": "wrong"}); !contains(err, "after 1 failed attempts") || !contains(err, "unable to authenticate") {
		t.Errorf("wrong password: %v", err)
	}
}

func TestUnreachable(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0") // accepts, and says nothing
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	silent := m{
		"host": "127.0.0.1", "port": listener.Addr().(*net.TCPAddr).Port, "user": "u", "perDialTimeout": 1, "dialErrorLimit": 0,
	}
	start := time.Now()
	err = one(t, "remote:Command").TryCreate(with(m{"connection": silent, "create": "true"}))
	if !contains(err, "no SSH login within 1s") || time.Since(start) > 3*time.Second {
		t.Errorf("silent host: %v after %s", err, time.Since(start))
	}
	_ = listener.Close()
	silent["dialErrorLimit"] = 2
	err = one(t, "remote:Command").TryCreate(with(m{"connection": silent, "create": "true"}))
	if !contains(err, "after 3 failed attempts") || !contains(err, "connection refused") || contains(err, "running") {
		t.Errorf("closed port: %v", err)
	}
}

func TestProxy(t *testing.T) {
	target, jump := startServer(t, nil), startServer(t, nil)
	c := one(t, "remote:Command").Create(remote(target, m{
		"create": "echo through", "connection": target.connection(m{"proxy": jump.connection(nil)}),
	}))
	if c.Text("stdout") != "through" || jump.value(&jump.logins) != 1 || target.value(&target.logins) != 1 {
		t.Errorf("stdout %q, logins %d and %d", c.Text("stdout"), jump.logins, target.logins)
	}
	err := one(t, "remote:Command").TryCreate(remote(target, m{
		"create": "true", "connection": target.connection(m{"proxy": jump.connection(m{"password": "wrong"})}),
	}))
	if !contains(err, "proxy: ") {
		t.Errorf("wrong password of the proxy: %v", err)
	}
}

func TestEnvironment(t *testing.T) {
	s := startServer(t, nil)
	s.accept["GREETING"], s.accept["PULUMI_COMMAND_STDOUT"] = true, true
	in := m{"create": "echo $GREETING${PULUMI_COMMAND_STDOUT+ after $PULUMI_COMMAND_STDOUT}", "environment": m{"GREETING": "hello"}}
	c := one(t, "remote:Command").Create(remote(s, in))
	if c.Text("stdout") != "hello" {
		t.Errorf("create: %q", c.Text("stdout"))
	}
	if err := c.TryUpdate(remote(s, in)); err != nil || c.Text("stdout") != "hello after hello" {
		t.Errorf("update: %q, %v", c.Text("stdout"), err)
	}
	in["addPreviousOutputInEnv"] = false
	if err := c.TryUpdate(remote(s, in)); err != nil || c.Text("stdout") != "hello" {
		t.Errorf("update without the previous output: %q, %v", c.Text("stdout"), err)
	}
	in["environment"] = m{"REFUSED": "x"}
	if err := c.TryUpdate(remote(s, in)); !contains(err, "REFUSED") {
		t.Errorf("a variable that the server refuses: %v", err)
	}
}

func TestCancelClosesTheSession(t *testing.T) {
	s := startServer(t, nil)
	c := one(t, "remote:Command")
	ended := make(chan error, 1)
	go func() { ended <- c.TryCreate(remote(s, m{"create": "exec sleep 60"})) }()
	eventually(t, "session opens", func() bool { return s.value(&s.open) == 1 })
	if err := c.P.SignalCancellation(context.Background()); err != nil {
		t.Fatal(err)
	}
	select {
	case err := <-ended:
		if !contains(err, "cancelled") {
			t.Errorf("error: %v", err)
		}
	case <-time.After(3 * time.Second):
		t.Fatal("the command goes on after the cancellation")
	}
	eventually(t, "session closes", func() bool { return s.value(&s.open) == 0 })
}

func TestLocalCommand(t *testing.T) {
	dir := t.TempDir()
	c := one(t, "local:Command").Create(with(m{
		"create": "cat; pwd; echo $A", "stdin": "in\n", "dir": dir, "environment": m{"A": "b"}, "delete": "rmdir " + dir,
	}))
	if c.Text("stdout") != "in\n"+dir+"\nb" {
		t.Errorf("stdout %q", c.Text("stdout"))
	}
	if err := c.TryDelete(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("delete did not run")
	}
	err := one(t, "local:Command").TryCreate(with(m{"create": "import sys; sys.exit(5)", "interpreter": []any{"python3", "-c"}}))
	if _, missing := os.Stat("/usr/bin/python3"); missing == nil && !contains(err, "exit status 5: running \"import sys; sys.exit(5)\":") {
		t.Errorf("error: %v", err)
	}
}
