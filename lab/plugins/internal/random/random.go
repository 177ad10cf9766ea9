// Package random has the resource types of the random provider that labs use.
package random

import (
	"crypto/rand"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"math/big"
	"strings"

	"github.com/google/uuid"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"golang.org/x/crypto/bcrypt"

	"stratiform.local/lab/plugins/internal/provider"
)

type (
	keys  = []resource.PropertyKey
	props = resource.PropertyMap
)

// New describes the provider.
func New(version string) provider.Provider {
	return provider.Provider{Name: "random", Version: version, Lookup: provider.Table(map[tokens.Type]provider.Resource{
		"random:index/randomPassword:RandomPassword": text(true),
		"random:index/randomString:RandomString":     text(false),
		"random:index/randomId:RandomId":             randomID,
		"random:index/randomBytes:RandomBytes":       randomBytes,
		"random:index/randomUuid:RandomUuid":         randomUUID,
	}, "it has RandomPassword, RandomString, RandomId, RandomBytes and RandomUuid")}
}

// classes are the kinds of characters of passwords and strings: the switch, the minimum, the characters.
var classes = []struct {
	enabled, minimum resource.PropertyKey
	characters       string
}{
	{"lower", "minLower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"numeric", "minNumeric", "0123456789"},
	{"special", "minSpecial", "!@#$%&*()-_=+[]{}<>:?"},
}

func text(password bool) *provider.Generated {
	g := &provider.Generated{
		Required:  keys{"length"},
		Defaults:  props{"number": resource.NewProperty(true)},
		Normalize: numberIsNumeric,
		Outputs:   keys{"result"},
		Validate:  validateText,
		Make: func(in props) (resource.ID, props, error) {
			result, err := characters(in)
			return resource.ID(result), props{"result": resource.NewProperty(result)}, err
		},
	}
	for _, class := range classes {
		g.Defaults[class.enabled] = resource.NewProperty(true)
		g.Defaults[class.minimum] = resource.NewProperty(0.0)
	}
	if password {
		g.Outputs, g.Secrets = keys{"result", "bcryptHash"}, keys{"result", "bcryptHash"}
		g.Make = func(in props) (resource.ID, props, error) {
			result, err := characters(in)
			if err != nil {
				return "", nil, err
			}
			// bcrypt takes 72 bytes at most
			hash, err := bcrypt.GenerateFromPassword([]byte(result)[:min(len(result), 72)], bcrypt.DefaultCost)
			made := props{"result": resource.NewProperty(result), "bcryptHash": resource.NewProperty(string(hash))}
			return "none", made, err
		}
	}
	return g
}

// numberIsNumeric lets the deprecated name and the current one follow each other.
func numberIsNumeric(in props) {
	if v, ok := in["numeric"]; ok && !v.IsNull() {
		in["number"] = v
	} else if v, ok := in["number"]; ok && !v.IsNull() {
		in["numeric"] = v
	}
}

func validateText(in props) (failures []plugin.CheckFailure) {
	length, minimum, some := provider.Number(in, "length", 1), 0, false
	for _, class := range classes {
		minimum += provider.Number(in, class.minimum, 0)
		some = some || provider.Flag(in, class.enabled) || in[class.enabled].IsComputed()
	}
	if length < 1 || length < minimum {
		failures = append(failures, plugin.CheckFailure{Property: "length", Reason: fmt.Sprintf(
			"length is %d; it must be at least 1 and at least the sum of minLower, minUpper, minNumeric and minSpecial, %d",
			length, minimum)})
	}
	if !some {
		failures = append(failures, plugin.CheckFailure{
			Property: "special", Reason: "one of lower, upper, numeric and special must be true",
		})
	}
	return failures
}

// characters draws the minimum of each class, fills up from all of them, and shuffles.
func characters(in props) (string, error) {
	var all string
	var result []byte
	draw := func(from string, count int) error {
		for range count {
			i, err := below(len(from))
			if err != nil {
				return err
			}
			result = append(result, from[i])
		}
		return nil
	}
	for _, class := range classes {
		from := class.characters
		if override := provider.Text(in, "overrideSpecial"); class.enabled == "special" && override != "" {
			from = override
		}
		if provider.Flag(in, class.enabled) {
			all += from
		}
		if err := draw(from, provider.Number(in, class.minimum, 0)); err != nil {
			return "", err
		}
	}
	if err := draw(all, provider.Number(in, "length", 0)-len(result)); err != nil {
		return "", err
	}
	for i := len(result) - 1; i > 0; i-- {
		j, err := below(i + 1)
		if err != nil {
			return "", err
		}
		result[i], result[j] = result[j], result[i]
	}
	return string(result), nil
}

func below(n int) (int64, error) {
	if n == 0 {
		return 0, fmt.Errorf("no characters to choose from")
	}
	i, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		return 0, err
	}
	return i.Int64(), nil
}

// atLeastOne refuses a length below 1.
func atLeastOne(key resource.PropertyKey) func(props) []plugin.CheckFailure {
	return func(in props) []plugin.CheckFailure {
		if n := provider.Number(in, key, 1); n < 1 {
			return []plugin.CheckFailure{{Property: key, Reason: fmt.Sprintf("%s is %d; it must be at least 1", key, n)}}
		}
		return nil
	}
}

var randomID = &provider.Generated{
	Required: keys{"byteLength"},
	Outputs:  keys{"b64Std", "b64Url", "dec", "hex"},
	Validate: atLeastOne("byteLength"),
	Make: func(in props) (resource.ID, props, error) {
		bytes := make([]byte, provider.Number(in, "byteLength", 0))
		if _, err := rand.Read(bytes); err != nil {
			return "", nil, err
		}
		prefixed := func(s string) resource.PropertyValue { return resource.NewProperty(provider.Text(in, "prefix") + s) }
		id := base64.RawURLEncoding.EncodeToString(bytes)
		return resource.ID(id), props{
			"b64Std": prefixed(base64.StdEncoding.EncodeToString(bytes)),
			"b64Url": prefixed(id),
			"dec":    prefixed(new(big.Int).SetBytes(bytes).String()),
			"hex":    prefixed(hex.EncodeToString(bytes)),
		}, nil
	},
}

var randomBytes = &provider.Generated{
	Required: keys{"length"},
	Outputs:  keys{"base64", "hex"},
	Secrets:  keys{"base64", "hex"},
	Validate: atLeastOne("length"),
	Make: func(in props) (resource.ID, props, error) {
		bytes := make([]byte, provider.Number(in, "length", 0))
		_, err := rand.Read(bytes)
		return "none", props{
			"base64": resource.NewProperty(base64.StdEncoding.EncodeToString(bytes)),
			"hex":    resource.NewProperty(hex.EncodeToString(bytes)),
		}, err
	},
}

var randomUUID = &provider.Generated{
	Outputs: keys{"result"},
	Make: func(props) (resource.ID, props, error) {
		id, err := uuid.NewRandom()
		result := strings.ToLower(id.String())
		return resource.ID(result), props{"result": resource.NewProperty(result)}, err
	},
}
