package random

import (
	"encoding/base64"
	"regexp"
	"strings"
	"testing"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/bcrypt"

	"stratiform.local/lab/plugins/internal/provider/providertest"
)

type m = map[string]any

var with = providertest.Props

func one(t *testing.T, kind string) *providertest.One {
	return providertest.New(t, New("4.21.1"), "random:index/random"+kind+":Random"+kind)
}

func count(text, characters string) (n int) {
	for _, c := range text {
		if strings.ContainsRune(characters, c) {
			n++
		}
	}
	return n
}

func TestPassword(t *testing.T) {
	p := one(t, "Password").Create(with(m{"length": 40, "minNumeric": 5, "minSpecial": 3, "overrideSpecial": "_~", "upper": false}))
	result := p.Text("result")
	if len(result) != 40 || count(result, "0123456789") < 5 || count(result, "_~") < 3 ||
		regexp.MustCompile(`[^a-z0-9_~]`).MatchString(result) {
		t.Errorf("password %q does not keep to its rules", result)
	}
	if err := bcrypt.CompareHashAndPassword([]byte(p.Text("bcryptHash")), []byte(result)); err != nil {
		t.Errorf("bcryptHash: %v", err)
	}
	if p.ID != "none" {
		t.Errorf("the ID %q may show the password", p.ID)
	}
	p.WantSecrets(p.Output, "result", "bcryptHash")
	p.WantSecrets(p.Read(), "result", "bcryptHash")
	if p.Text("result") == one(t, "Password").Create(p.Inputs).Text("result") {
		t.Error("two passwords are the same")
	}
	long := one(t, "Password").Create(with(m{"length": 100})) // more than bcrypt takes
	if len(long.Text("result")) != 100 {
		t.Error("length 100 is not kept")
	}
}

func TestReplacement(t *testing.T) {
	p := one(t, "Password").Create(with(m{"length": 20, "keepers": m{"a": "1"}}))
	p.WantDiff("no change", "none", with(m{"length": 20, "keepers": m{"a": "1"}}))
	p.WantDiff("defaults written out", "none", with(m{"length": 20, "keepers": m{"a": "1"}, "lower": true, "minLower": 0, "number": true}))
	p.WantDiff("keepers", "replace", with(m{"length": 20, "keepers": m{"a": "2"}}))
	p.WantDiff("no keepers", "replace", with(m{"length": 20}))
	p.WantDiff("length", "replace", with(m{"length": 21, "keepers": m{"a": "1"}}))
	p.WantDiff("special", "replace", with(m{"length": 20, "keepers": m{"a": "1"}, "special": false}))
	unknown := with(m{"length": 20})
	unknown["keepers"] = resource.MakeComputed(resource.NewProperty(""))
	p.WantDiff("unknown keepers", "replace", unknown)
}

func TestPreviewKnowsNothingButInputs(t *testing.T) {
	state := one(t, "Password").Preview(with(m{"length": 20}))
	if !state["result"].IsSecret() || !state["result"].SecretValue().Element.IsComputed() {
		t.Errorf("result is %v in a preview, want a secret unknown", state["result"])
	}
	if state["length"].NumberValue() != 20 || !state["lower"].BoolValue() {
		t.Errorf("preview lost inputs or defaults: %v", state)
	}
}

func TestString(t *testing.T) {
	s := one(t, "String").Create(with(m{"length": 12, "special": false, "number": false}))
	if !regexp.MustCompile(`^[a-zA-Z]{12}$`).MatchString(s.Text("result")) || string(s.ID) != s.Text("result") {
		t.Errorf("string %q, ID %q", s.Text("result"), s.ID)
	}
	s.WantSecrets(s.Output)
}

func TestBadInputs(t *testing.T) {
	for what, inputs := range map[string]m{
		"no length":       {},
		"length 0":        {"length": 0},
		"minima too many": {"length": 3, "minLower": 2, "minUpper": 2},
		"no characters":   {"length": 3, "lower": false, "upper": false, "numeric": false, "special": false},
	} {
		if len(one(t, "Password").Check(with(inputs))) == 0 {
			t.Errorf("%s: accepted", what)
		}
	}
	if len(one(t, "Id").Check(with(m{"byteLength": 0}))) == 0 {
		t.Error("byteLength 0: accepted")
	}
}

func TestID(t *testing.T) {
	id := one(t, "Id").Create(with(m{"byteLength": 4, "prefix": "p-"}))
	bytes, err := base64.RawURLEncoding.DecodeString(string(id.ID))
	if err != nil || len(bytes) != 4 || id.Text("b64Url") != "p-"+string(id.ID) {
		t.Errorf("ID %q, b64Url %q: %v", id.ID, id.Text("b64Url"), err)
	}
	if !regexp.MustCompile(`^p-[0-9a-f]{8}$`).MatchString(id.Text("hex")) || !regexp.MustCompile(`^p-\d+$`).MatchString(id.Text("dec")) {
		t.Errorf("hex %q, dec %q", id.Text("hex"), id.Text("dec"))
	}
	id.WantDiff("prefix", "replace", with(m{"byteLength": 4}))
}

func TestBytesAndUUID(t *testing.T) {
	b := one(t, "Bytes").Create(with(m{"length": 32}))
	if bytes, err := base64.StdEncoding.DecodeString(b.Text("base64")); err != nil || len(bytes) != 32 || len(b.Text("hex")) != 64 {
		t.Errorf("base64 %q: %v", b.Text("base64"), err)
	}
	b.WantSecrets(b.Output, "base64", "hex")
	u := one(t, "Uuid").Create(with(m{}))
	if !regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$`).MatchString(u.Text("result")) {
		t.Errorf("UUID %q", u.Text("result"))
	}
}

func TestUnknownTypeSaysWhatIsMissing(t *testing.T) {
	o := one(t, "Pet")
	if err := o.TryDelete(); err == nil || !strings.Contains(err.Error(), "not in this stand-in") {
		t.Errorf("error %v", err)
	}
}
