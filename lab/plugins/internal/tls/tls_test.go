package tls

import (
	"crypto/ecdsa"
	"crypto/rsa"
	"crypto/x509"
	"encoding/pem"
	"net"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"stratiform.local/lab/plugins/internal/provider/providertest"
)

type m = map[string]any

var with = providertest.Props

func one(t *testing.T, kind string) *providertest.One {
	token := strings.ToLower(kind[:1]) + kind[1:]
	return providertest.New(t, New("5.5.1"), "tls:index/"+token+":"+kind)
}

func parsed(t *testing.T, text string) *x509.Certificate {
	t.Helper()
	block, _ := pem.Decode([]byte(text))
	if block == nil {
		t.Fatalf("no PEM: %q", text)
	}
	certificate, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return certificate
}

func TestPrivateKeys(t *testing.T) {
	for _, c := range []struct {
		in      m
		kind    string
		openssh string
		size    int
	}{
		{m{"algorithm": "RSA", "rsaBits": 2048}, "RSA PRIVATE KEY", "ssh-rsa", 2048},
		{m{"algorithm": "ECDSA"}, "EC PRIVATE KEY", "", 224},
		{m{"algorithm": "ECDSA", "ecdsaCurve": "P256"}, "EC PRIVATE KEY", "ecdsa-sha2-nistp256", 256},
		{m{"algorithm": "ECDSA", "ecdsaCurve": "P384"}, "EC PRIVATE KEY", "ecdsa-sha2-nistp384", 384},
		{m{"algorithm": "ECDSA", "ecdsaCurve": "P521"}, "EC PRIVATE KEY", "ecdsa-sha2-nistp521", 521},
		{m{"algorithm": "ED25519"}, "PRIVATE KEY", "ssh-ed25519", 0},
	} {
		k := one(t, "PrivateKey").Create(with(c.in))
		k.WantSecrets(k.Output, "privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8")
		k.WantSecrets(k.Read(), "privateKeyPem", "privateKeyOpenssh", "privateKeyPemPkcs8")
		if !strings.HasPrefix(k.Text("privateKeyPem"), "-----BEGIN "+c.kind+"-----") ||
			!strings.HasPrefix(k.Text("privateKeyPemPkcs8"), "-----BEGIN PRIVATE KEY-----") ||
			!strings.HasPrefix(k.Text("publicKeyOpenssh"), c.openssh) {
			t.Errorf("%v: forms of the key are wrong", c.in)
		}
		key, algorithm, err := parseKey(k.Text("privateKeyPem"))
		if err != nil || algorithm != c.in["algorithm"] {
			t.Errorf("%v: %s, %v", c.in, algorithm, err)
		}
		size := 0
		switch key := key.(type) {
		case *rsa.PrivateKey:
			size = key.N.BitLen()
		case *ecdsa.PrivateKey:
			size = key.Curve.Params().BitSize
		}
		if size != c.size {
			t.Errorf("%v: size %d, want %d", c.in, size, c.size)
		}
		if c.openssh == "" {
			if k.Text("privateKeyOpenssh") != "" || k.Text("publicKeyFingerprintSha256") != "" {
				t.Errorf("%v has OpenSSH forms", c.in)
			}
			continue
		}
		signer, err := ssh.ParsePrivateKey([]byte(k.Text("privateKeyOpenssh")))
		if err != nil || string(ssh.MarshalAuthorizedKey(signer.PublicKey())) != k.Text("publicKeyOpenssh") ||
			ssh.FingerprintSHA256(signer.PublicKey()) != k.Text("publicKeyFingerprintSha256") ||
			ssh.FingerprintLegacyMD5(signer.PublicKey()) != k.Text("publicKeyFingerprintMd5") {
			t.Errorf("%v: OpenSSH key: %v", c.in, err)
		}
	}
}

func TestPrivateKeyReplacementAndBadInputs(t *testing.T) {
	k := one(t, "PrivateKey").Create(with(m{"algorithm": "ECDSA", "ecdsaCurve": "P256"}))
	k.WantDiff("no change", "none", k.Inputs)
	k.WantDiff("default written out", "none", with(m{"algorithm": "ECDSA", "ecdsaCurve": "P256", "rsaBits": 2048}))
	k.WantDiff("curve", "replace", with(m{"algorithm": "ECDSA", "ecdsaCurve": "P384"}))
	k.WantDiff("algorithm", "replace", with(m{"algorithm": "ED25519"}))
	for _, bad := range []m{{}, {"algorithm": "DSA"}, {"algorithm": "ECDSA", "ecdsaCurve": "P25519"}} {
		if len(k.Check(with(bad))) == 0 {
			t.Errorf("%v accepted", bad)
		}
	}
}

// authority makes a CA as Kubernetes has it: its key, and its certificate.
func authority(t *testing.T) (key string, ca *providertest.One) {
	key = one(t, "PrivateKey").Create(with(m{"algorithm": "ECDSA", "ecdsaCurve": "P256"})).Text("privateKeyPem")
	return key, one(t, "SelfSignedCert").Create(with(m{
		"privateKeyPem": key, "subject": m{"commonName": "kubernetes"}, "isCaCertificate": true, "validityPeriodHours": 87600,
		"allowedUses": []any{"cert_signing", "digital_signature", "key_encipherment"}, "dnsNames": []any{"kubernetes"},
	}))
}

// leaf asks for a certificate and has it signed; more inputs are merged into the signed certificate's.
func leaf(t *testing.T, caKey string, ca *providertest.One, subject m, more m) *providertest.One {
	key := one(t, "PrivateKey").Create(with(m{"algorithm": "RSA"})).Text("privateKeyPem")
	request := one(t, "CertRequest").Create(with(m{
		"privateKeyPem": key, "subject": subject, "dnsNames": []any{"api.lab"}, "ipAddresses": []any{"10.0.0.1", "fd00::1"},
		"uris": []any{"spiffe://lab/api"},
	}))
	inputs := m{
		"caCertPem": ca.Text("certPem"), "caPrivateKeyPem": caKey, "certRequestPem": request.Text("certRequestPem"),
		"validityPeriodHours": 24, "allowedUses": []any{"digital_signature", "key_encipherment", "server_auth", "client_auth"},
	}
	for key, value := range more {
		inputs[key] = value
	}
	return one(t, "LocallySignedCert").Create(with(inputs))
}

func TestCertificateAuthority(t *testing.T) {
	_, ca := authority(t)
	certificate := parsed(t, ca.Text("certPem"))
	if !certificate.IsCA || !certificate.BasicConstraintsValid || certificate.MaxPathLen != -1 || len(certificate.SubjectKeyId) != 20 {
		t.Errorf("not a CA certificate: %+v", certificate)
	}
	want := x509.KeyUsageCertSign | x509.KeyUsageDigitalSignature | x509.KeyUsageKeyEncipherment
	if certificate.KeyUsage != want || len(certificate.ExtKeyUsage) != 0 {
		t.Errorf("key usage %b, want %b", certificate.KeyUsage, want)
	}
	if ca.Text("keyAlgorithm") != "ECDSA" || string(ca.ID) != certificate.SerialNumber.String() {
		t.Errorf("keyAlgorithm %q, ID %q", ca.Text("keyAlgorithm"), ca.ID)
	}
	end, err := time.Parse(time.RFC3339, ca.Text("validityEndTime"))
	if err != nil || end.Sub(certificate.NotBefore) < 87599*time.Hour || !certificate.NotAfter.Equal(end.Truncate(time.Second)) {
		t.Errorf("validityEndTime %v, %v", end, err)
	}
}

func TestChain(t *testing.T) {
	key, ca := authority(t)
	cert := leaf(t, key, ca, m{"commonName": "kube-apiserver", "organization": "system:masters"}, m{"setSubjectKeyId": true})
	certificate := parsed(t, cert.Text("certPem"))
	roots := x509.NewCertPool()
	roots.AddCert(parsed(t, ca.Text("certPem")))
	for _, name := range []string{"api.lab", "10.0.0.1", "fd00::1"} {
		if _, err := certificate.Verify(x509.VerifyOptions{
			Roots: roots, DNSName: name, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if certificate.Subject.CommonName != "kube-apiserver" || certificate.Subject.Organization[0] != "system:masters" ||
		!certificate.IPAddresses[0].Equal(net.IPv4(10, 0, 0, 1)) || certificate.URIs[0].String() != "spiffe://lab/api" {
		t.Errorf("names: %v %v %v", certificate.Subject, certificate.IPAddresses, certificate.URIs)
	}
	if certificate.IsCA || !certificate.BasicConstraintsValid || len(certificate.SubjectKeyId) == 0 ||
		string(certificate.AuthorityKeyId) != string(parsed(t, ca.Text("certPem")).SubjectKeyId) {
		t.Errorf("constraints or key IDs: %+v", certificate)
	}
	if cert.Text("caKeyAlgorithm") != "ECDSA" {
		t.Errorf("caKeyAlgorithm %q", cert.Text("caKeyAlgorithm"))
	}
	other, _ := authority(t)
	inputs := cert.Inputs.Copy()
	inputs["caPrivateKeyPem"] = with(m{"k": other})["k"]
	if err := one(t, "LocallySignedCert").TryCreate(inputs); err == nil || !strings.Contains(err.Error(), "match") {
		t.Errorf("a CA certificate and the key of another: %v", err)
	}
}

func TestFrontProxyAuthorityKeyID(t *testing.T) {
	key := one(t, "PrivateKey").Create(with(m{"algorithm": "ED25519"})).Text("privateKeyPem")
	inputs := m{
		"privateKeyPem": key, "subject": m{"commonName": "front-proxy", "emailAddress": "ops@lab.test"}, "setAuthorityKeyId": true,
		"setSubjectKeyId": true, "isCaCertificate": true, "maxPathLength": 0, "validityPeriodHours": 1, "allowedUses": []any{"cert_signing"},
	}
	certificate := parsed(t, one(t, "SelfSignedCert").Create(with(inputs)).Text("certPem"))
	if string(certificate.AuthorityKeyId) != string(certificate.SubjectKeyId) || certificate.MaxPathLen != 0 ||
		!strings.Contains(certificate.Subject.String(), "1.2.840.113549.1.9.1") {
		t.Errorf("key IDs %x and %x, path length %d, subject %s", certificate.SubjectKeyId, certificate.AuthorityKeyId,
			certificate.MaxPathLen, certificate.Subject)
	}
}

func TestCertificateChanges(t *testing.T) {
	key, ca := authority(t)
	cert := leaf(t, key, ca, m{"commonName": "a"}, nil)
	change := func(more m) (inputs m) {
		inputs = cert.Inputs.Mappable()
		for key, value := range more {
			inputs[key] = value
		}
		return inputs
	}
	cert.WantDiff("no change", "none", cert.Inputs)
	cert.WantDiff("default written out", "none", with(change(m{"isCaCertificate": false})))
	cert.WantDiff("validity", "replace", with(change(m{"validityPeriodHours": 48})))
	cert.WantDiff("uses", "replace", with(change(m{"allowedUses": []any{"client_auth"}})))
	cert.WantDiff("early renewal", "update", with(change(m{"earlyRenewalHours": 2})))
	cert.WantDiff("early renewal that is due", "replace", with(change(m{"earlyRenewalHours": 24})))
	if err := cert.TryUpdate(with(change(m{"earlyRenewalHours": 2}))); err != nil || cert.Output["earlyRenewalHours"].NumberValue() != 2 {
		t.Errorf("update: %v", err)
	}
	if len(cert.Check(with(change(m{"allowedUses": []any{"sign_everything"}})))) == 0 {
		t.Error("unknown key usage accepted")
	}
	if cert.Read()["readyForRenewal"].BoolValue() {
		t.Error("ready for renewal at once")
	}
	defer func(real func() time.Time) { now = real }(now)
	now = func() time.Time { return time.Now().Add(22*time.Hour + time.Minute) }
	cert.WantDiff("within earlyRenewalHours", "replace", cert.Inputs)
	if !cert.Read()["readyForRenewal"].BoolValue() {
		t.Error("refresh does not say that renewal is due")
	}
	now = func() time.Time { return time.Now().Add(21 * time.Hour) }
	cert.WantDiff("not yet", "none", cert.Inputs)
}
