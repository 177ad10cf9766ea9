// Package tls has the resource types of the tls provider, on crypto/x509.
package tls

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"errors"
	"fmt"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"
	"github.com/pulumi/pulumi/sdk/v3/go/common/tokens"
	"golang.org/x/crypto/ssh"

	"stratiform.local/lab/plugins/internal/provider"
)

type (
	keys  = []resource.PropertyKey
	props = resource.PropertyMap
)

// New describes the provider.
func New(version string) provider.Provider {
	return provider.Provider{Name: "tls", Version: version, Lookup: provider.Table(map[tokens.Type]provider.Resource{
		"tls:index/privateKey:PrivateKey":               privateKey,
		"tls:index/selfSignedCert:SelfSignedCert":       selfSignedCert,
		"tls:index/certRequest:CertRequest":             certRequest,
		"tls:index/locallySignedCert:LocallySignedCert": locallySignedCert,
	}, "it has PrivateKey, SelfSignedCert, CertRequest and LocallySignedCert")}
}

var curves = map[string]elliptic.Curve{
	"P224": elliptic.P224(), "P256": elliptic.P256(), "P384": elliptic.P384(), "P521": elliptic.P521(),
}

var privateKey = &provider.Generated{
	Required: keys{"algorithm"},
	Defaults: props{"ecdsaCurve": resource.NewProperty("P224"), "rsaBits": resource.NewProperty(2048.0)},
	Outputs: keys{
		"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8", "publicKeyPem", "publicKeyOpenssh",
		"publicKeyFingerprintMd5", "publicKeyFingerprintSha256",
	},
	Secrets:  keys{"privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8"},
	Validate: validatePrivateKey,
	Make: func(in props) (resource.ID, props, error) {
		key, err := generate(in)
		if err != nil {
			return "", nil, err
		}
		return describe(key)
	},
}

func validatePrivateKey(in props) []plugin.CheckFailure {
	switch algorithm := provider.Text(in, "algorithm"); algorithm {
	case "RSA", "ECDSA", "ED25519":
	default:
		if !in["algorithm"].IsComputed() {
			return []plugin.CheckFailure{{
				Property: "algorithm", Reason: fmt.Sprintf("%q is not one of RSA, ECDSA, ED25519", algorithm),
			}}
		}
	}
	if curve := in["ecdsaCurve"]; curve.IsString() && curves[curve.StringValue()] == nil {
		return []plugin.CheckFailure{{
			Property: "ecdsaCurve", Reason: fmt.Sprintf("%q is not one of P224, P256, P384, P521", curve.StringValue()),
		}}
	}
	return nil
}

func generate(in props) (crypto.Signer, error) {
	switch algorithm := provider.Text(in, "algorithm"); algorithm {
	case "RSA":
		return rsa.GenerateKey(rand.Reader, provider.Number(in, "rsaBits", 2048))
	case "ECDSA":
		return ecdsa.GenerateKey(curves[provider.Text(in, "ecdsaCurve")], rand.Reader)
	case "ED25519":
		_, key, err := ed25519.GenerateKey(rand.Reader)
		return key, err
	default:
		return nil, fmt.Errorf("unknown key algorithm %q", algorithm)
	}
}

// privateKeyOpensshOutputs are empty for keys that OpenSSH does not know.
var privateKeyOpensshOutputs = keys{
	"privateKeyOpenssh", "publicKeyOpenssh", "publicKeyFingerprintMd5", "publicKeyFingerprintSha256",
}

// describe encodes a key in all the forms the resource gives. P224 has no OpenSSH form: these outputs are empty then.
func describe(key crypto.Signer) (resource.ID, props, error) {
	pkcs8, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return "", nil, err
	}
	traditional := &pem.Block{Type: "PRIVATE KEY", Bytes: pkcs8}
	switch key := key.(type) {
	case *rsa.PrivateKey:
		traditional = &pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}
	case *ecdsa.PrivateKey:
		der, err := x509.MarshalECPrivateKey(key)
		if err != nil {
			return "", nil, err
		}
		traditional = &pem.Block{Type: "EC PRIVATE KEY", Bytes: der}
	}
	public, err := x509.MarshalPKIXPublicKey(key.Public())
	if err != nil {
		return "", nil, err
	}
	made := props{
		"privateKeyPem":      encoded(traditional.Type, traditional.Bytes),
		"privateKeyPemPkcs8": encoded("PRIVATE KEY", pkcs8),
		"publicKeyPem":       encoded("PUBLIC KEY", public),
	}
	for _, name := range privateKeyOpensshOutputs {
		made[name] = resource.NewProperty("")
	}
	if sshPublic, err := ssh.NewPublicKey(key.Public()); err == nil {
		block, err := ssh.MarshalPrivateKey(key, "")
		if err != nil {
			return "", nil, err
		}
		made["privateKeyOpenssh"] = encoded(block.Type, block.Bytes)
		made["publicKeyOpenssh"] = resource.NewProperty(string(ssh.MarshalAuthorizedKey(sshPublic)))
		made["publicKeyFingerprintMd5"] = resource.NewProperty(ssh.FingerprintLegacyMD5(sshPublic))
		made["publicKeyFingerprintSha256"] = resource.NewProperty(ssh.FingerprintSHA256(sshPublic))
	}
	return hashID(public), made, nil
}

func encoded(kind string, der []byte) resource.PropertyValue {
	return resource.NewProperty(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der})))
}

func hashID(content []byte) resource.ID {
	sum := sha1.Sum(content)
	return resource.ID(hex.EncodeToString(sum[:]))
}

// parseKey reads a private key in any form that PrivateKey gives, and names its algorithm.
func parseKey(text string) (crypto.Signer, string, error) {
	parsed, err := ssh.ParseRawPrivateKey([]byte(text))
	if err != nil {
		return nil, "", fmt.Errorf("not a PEM private key: %w", err)
	}
	switch key := parsed.(type) {
	case *rsa.PrivateKey:
		return key, "RSA", nil
	case *ecdsa.PrivateKey:
		return key, "ECDSA", nil
	case ed25519.PrivateKey:
		return key, "ED25519", nil
	case *ed25519.PrivateKey:
		return *key, "ED25519", nil
	default:
		return nil, "", errors.New("a private key of an unknown kind")
	}
}
