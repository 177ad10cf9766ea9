package tls

import (
	"crypto"
	"crypto/rand"
	"crypto/sha1"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/url"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"github.com/pulumi/pulumi/sdk/v3/go/common/resource/plugin"

	"stratiform.local/lab/plugins/internal/provider"
)

var keyUsages = map[string]x509.KeyUsage{
	"digital_signature":  x509.KeyUsageDigitalSignature,
	"content_commitment": x509.KeyUsageContentCommitment,
	"key_encipherment":   x509.KeyUsageKeyEncipherment,
	"data_encipherment":  x509.KeyUsageDataEncipherment,
	"key_agreement":      x509.KeyUsageKeyAgreement,
	"cert_signing":       x509.KeyUsageCertSign,
	"crl_signing":        x509.KeyUsageCRLSign,
	"encipher_only":      x509.KeyUsageEncipherOnly,
	"decipher_only":      x509.KeyUsageDecipherOnly,
}

var extendedKeyUsages = map[string]x509.ExtKeyUsage{
	"any_extended":                      x509.ExtKeyUsageAny,
	"server_auth":                       x509.ExtKeyUsageServerAuth,
	"client_auth":                       x509.ExtKeyUsageClientAuth,
	"code_signing":                      x509.ExtKeyUsageCodeSigning,
	"email_protection":                  x509.ExtKeyUsageEmailProtection,
	"ipsec_end_system":                  x509.ExtKeyUsageIPSECEndSystem,
	"ipsec_tunnel":                      x509.ExtKeyUsageIPSECTunnel,
	"ipsec_user":                        x509.ExtKeyUsageIPSECUser,
	"timestamping":                      x509.ExtKeyUsageTimeStamping,
	"ocsp_signing":                      x509.ExtKeyUsageOCSPSigning,
	"microsoft_server_gated_crypto":     x509.ExtKeyUsageMicrosoftServerGatedCrypto,
	"netscape_server_gated_crypto":      x509.ExtKeyUsageNetscapeServerGatedCrypto,
	"microsoft_commercial_code_signing": x509.ExtKeyUsageMicrosoftCommercialCodeSigning,
	"microsoft_kernel_code_signing":     x509.ExtKeyUsageMicrosoftKernelCodeSigning,
}

// now is replaced by tests.
var now = time.Now

// certificateDefaults are the inputs and outputs that SelfSignedCert and LocallySignedCert share.
func certificateDefaults() props {
	no := resource.NewProperty(false)
	return props{
		"earlyRenewalHours": resource.NewProperty(0.0), "isCaCertificate": no, "setSubjectKeyId": no, "readyForRenewal": no,
	}
}

var selfSignedCert = &provider.Generated{
	Required: keys{"allowedUses", "privateKeyPem", "validityPeriodHours"},
	Defaults: provider.WithDefaults(certificateDefaults(), props{"setAuthorityKeyId": resource.NewProperty(false)}),
	Outputs:  keys{"certPem", "keyAlgorithm", "validityStartTime", "validityEndTime"},
	Secrets:  keys{"privateKeyPem"},
	InPlace:  keys{"earlyRenewalHours"},
	Validate: validateUses,
	Outdated: outdated,
	Make: func(in props) (resource.ID, props, error) {
		key, algorithm, err := parseKey(provider.Text(in, "privateKeyPem"))
		if err != nil {
			return "", nil, fmt.Errorf("privateKeyPem: %w", err)
		}
		template := &x509.Certificate{Subject: subject(in)}
		if err := names(in, &template.DNSNames, &template.IPAddresses, &template.URIs); err != nil {
			return "", nil, err
		}
		return sign(in, template, template, key.Public(), key, props{"keyAlgorithm": resource.NewProperty(algorithm)})
	},
}

var certRequest = &provider.Generated{
	Required: keys{"privateKeyPem"},
	Outputs:  keys{"certRequestPem", "keyAlgorithm"},
	Secrets:  keys{"privateKeyPem"},
	Make: func(in props) (resource.ID, props, error) {
		key, algorithm, err := parseKey(provider.Text(in, "privateKeyPem"))
		if err != nil {
			return "", nil, fmt.Errorf("privateKeyPem: %w", err)
		}
		template := &x509.CertificateRequest{Subject: subject(in)}
		if err := names(in, &template.DNSNames, &template.IPAddresses, &template.URIs); err != nil {
			return "", nil, err
		}
		der, err := x509.CreateCertificateRequest(rand.Reader, template, key)
		return hashID(der), props{
			"certRequestPem": encoded("CERTIFICATE REQUEST", der), "keyAlgorithm": resource.NewProperty(algorithm),
		}, err
	},
}

var locallySignedCert = &provider.Generated{
	Required: keys{"allowedUses", "caCertPem", "caPrivateKeyPem", "certRequestPem", "validityPeriodHours"},
	Defaults: certificateDefaults(),
	Outputs:  keys{"certPem", "caKeyAlgorithm", "validityStartTime", "validityEndTime"},
	Secrets:  keys{"caPrivateKeyPem"},
	InPlace:  keys{"earlyRenewalHours"},
	Validate: validateUses,
	Outdated: outdated,
	Make: func(in props) (resource.ID, props, error) {
		key, algorithm, err := parseKey(provider.Text(in, "caPrivateKeyPem"))
		if err != nil {
			return "", nil, fmt.Errorf("caPrivateKeyPem: %w", err)
		}
		caDER, err := decoded(in, "caCertPem", "CERTIFICATE")
		if err != nil {
			return "", nil, err
		}
		requestDER, err := decoded(in, "certRequestPem", "CERTIFICATE REQUEST")
		if err != nil {
			return "", nil, err
		}
		ca, err := x509.ParseCertificate(caDER)
		if err != nil {
			return "", nil, fmt.Errorf("caCertPem: %w", err)
		}
		request, err := x509.ParseCertificateRequest(requestDER)
		if err == nil {
			err = request.CheckSignature()
		}
		if err != nil {
			return "", nil, fmt.Errorf("certRequestPem: %w", err)
		}
		template := &x509.Certificate{
			Subject: request.Subject, RawSubject: request.RawSubject,
			DNSNames: request.DNSNames, IPAddresses: request.IPAddresses, URIs: request.URIs,
		}
		made := props{"caKeyAlgorithm": resource.NewProperty(algorithm)}
		return sign(in, template, ca, request.PublicKey, key, made)
	},
}

func decoded(in props, key resource.PropertyKey, kind string) ([]byte, error) {
	block, _ := pem.Decode([]byte(provider.Text(in, key)))
	if block == nil || block.Type != kind {
		return nil, fmt.Errorf("%s: no PEM block %q", key, kind)
	}
	return block.Bytes, nil
}

// sign completes the template from the inputs that both kinds of certificate have, and signs it.
func sign(in props, template, parent *x509.Certificate, public crypto.PublicKey, key crypto.Signer, made props,
) (resource.ID, props, error) {
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 128))
	if err != nil {
		return "", nil, err
	}
	template.SerialNumber = serial
	template.NotBefore = now()
	template.NotAfter = template.NotBefore.Add(time.Duration(provider.Number(in, "validityPeriodHours", 0)) * time.Hour)
	template.BasicConstraintsValid = true
	for _, use := range provider.Texts(in, "allowedUses") {
		template.KeyUsage |= keyUsages[use]
		if extended, ok := extendedKeyUsages[use]; ok {
			template.ExtKeyUsage = append(template.ExtKeyUsage, extended)
		}
	}
	if template.IsCA = provider.Flag(in, "isCaCertificate"); template.IsCA {
		if len(template.RawSubject) == 0 && template.Subject.String() == "" {
			return "", nil, errors.New("subject: a certificate authority must have a subject")
		}
		template.MaxPathLen = provider.Number(in, "maxPathLength", -1)
		template.MaxPathLenZero = template.MaxPathLen == 0
	}
	if template.IsCA || provider.Flag(in, "setSubjectKeyId") {
		if template.SubjectKeyId, err = subjectKeyID(public); err != nil {
			return "", nil, err
		}
	}
	if provider.Flag(in, "setAuthorityKeyId") {
		if len(parent.SubjectKeyId) == 0 {
			return "", nil, errors.New("setAuthorityKeyId: the certificate has no subject key ID; set setSubjectKeyId too")
		}
		template.AuthorityKeyId = parent.SubjectKeyId
	}
	der, err := x509.CreateCertificate(rand.Reader, template, parent, public, key) // refuses a key that is not parent's
	if err != nil {
		return "", nil, err
	}
	made["certPem"] = encoded("CERTIFICATE", der)
	made["validityStartTime"] = resource.NewProperty(template.NotBefore.Format(time.RFC3339Nano))
	made["validityEndTime"] = resource.NewProperty(template.NotAfter.Format(time.RFC3339Nano))
	return resource.ID(serial.String()), made, nil
}

// subjectKeyID is the SHA-1 of the public key's bits (RFC 5280, 4.2.1.2, method 1).
func subjectKeyID(public crypto.PublicKey) ([]byte, error) {
	der, err := x509.MarshalPKIXPublicKey(public)
	if err != nil {
		return nil, err
	}
	var info struct {
		Algorithm pkix.AlgorithmIdentifier
		PublicKey asn1.BitString
	}
	if _, err := asn1.Unmarshal(der, &info); err != nil {
		return nil, err
	}
	sum := sha1.Sum(info.PublicKey.Bytes)
	return sum[:], nil
}

func subject(in props) pkix.Name {
	var name pkix.Name
	if !in["subject"].IsObject() {
		return name
	}
	fields := in["subject"].ObjectValue()
	one := func(key resource.PropertyKey) []string {
		if text := provider.Text(fields, key); text != "" {
			return []string{text}
		}
		return nil
	}
	name.CommonName = provider.Text(fields, "commonName")
	name.SerialNumber = provider.Text(fields, "serialNumber")
	name.Organization, name.OrganizationalUnit = one("organization"), one("organizationalUnit")
	name.Country, name.Province, name.Locality = one("country"), one("province"), one("locality")
	name.PostalCode, name.StreetAddress = one("postalCode"), provider.Texts(fields, "streetAddresses")
	for _, address := range one("emailAddress") {
		value := asn1.RawValue{Tag: asn1.TagIA5String, Bytes: []byte(address)}
		name.ExtraNames = append(name.ExtraNames,
			pkix.AttributeTypeAndValue{Type: asn1.ObjectIdentifier{1, 2, 840, 113549, 1, 9, 1}, Value: value})
	}
	return name
}

func names(in props, dns *[]string, ips *[]net.IP, uris *[]*url.URL) error {
	*dns = provider.Texts(in, "dnsNames")
	for _, text := range provider.Texts(in, "ipAddresses") {
		ip := net.ParseIP(text)
		if ip == nil {
			return fmt.Errorf("ipAddresses: %q is not an IP address", text)
		}
		*ips = append(*ips, ip)
	}
	for _, text := range provider.Texts(in, "uris") {
		uri, err := url.Parse(text)
		if err != nil {
			return fmt.Errorf("uris: %w", err)
		}
		*uris = append(*uris, uri)
	}
	return nil
}

func validateUses(in props) []plugin.CheckFailure {
	for _, use := range provider.Texts(in, "allowedUses") {
		_, plain := keyUsages[use]
		if _, extended := extendedKeyUsages[use]; !plain && !extended {
			return []plugin.CheckFailure{{Property: "allowedUses", Reason: fmt.Sprintf("%q is not a known key usage", use)}}
		}
	}
	return nil
}

// outdated says whether a certificate has expired or is within earlyRenewalHours of it.
func outdated(state props) (resource.PropertyKey, bool) {
	end, err := time.Parse(time.RFC3339, provider.Text(state, "validityEndTime"))
	early := time.Duration(provider.Number(state, "earlyRenewalHours", 0)) * time.Hour
	return "readyForRenewal", err == nil && !now().Before(end.Add(-early))
}
