package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/pulumi/pulumi/sdk/v3/go/common/resource"
	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"stratiform.local/lab/plugins/internal/provider"
)

// Waits between attempts, and how a silent connection is found dead: three unanswered messages.
const (
	firstPause        = 100 * time.Millisecond
	longestPause      = 5 * time.Second
	keepAliveInterval = 15 * time.Second
	keepAliveMissed   = 3
)

// wrongHostKey ends the attempts at once: it does not go away by waiting, and it may be an attack.
type wrongHostKey struct{ host, want, got string }

func (e *wrongHostKey) Error() string {
	return fmt.Sprintf("host key mismatch: %s shows %s, but hostKey says %s; "+
		"if the host was installed again, correct hostKey, else somebody may be listening in", e.host, e.got, e.want)
}

// endpoint is one SSH server and the way to log in.
type endpoint struct {
	address string
	timeout time.Duration // of one attempt; 0: none
	errors  int           // failed attempts to accept; -1: without limit
	config  *ssh.ClientConfig
	agent   net.Conn
}

func newEndpoint(in props) (*endpoint, error) {
	host := provider.Text(in, "host")
	e := &endpoint{
		address: net.JoinHostPort(host, strconv.Itoa(provider.Number(in, "port", 22))),
		timeout: time.Duration(provider.Number(in, "perDialTimeout", 15)) * time.Second,
		errors:  provider.Number(in, "dialErrorLimit", 10),
		config:  &ssh.ClientConfig{User: provider.Text(in, "user"), HostKeyCallback: ssh.InsecureIgnoreHostKey()},
	}
	if e.config.User == "" {
		e.config.User = "root"
	}
	if line := provider.Text(in, "hostKey"); line != "" {
		key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
		if err != nil {
			return nil, fmt.Errorf("connection.hostKey of %s: want a line like \"ssh-ed25519 AAAA…\": %w", host, err)
		}
		e.expect(key)
	}
	if err := e.authenticate(in); err != nil {
		return nil, err
	}
	return e, nil
}

// expect accepts the server only with this key, and asks it for a key of this kind.
func (e *endpoint) expect(want ssh.PublicKey) {
	e.config.HostKeyAlgorithms = []string{want.Type()}
	if want.Type() == ssh.KeyAlgoRSA {
		e.config.HostKeyAlgorithms = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSA}
	}
	e.config.HostKeyCallback = func(_ string, _ net.Addr, got ssh.PublicKey) error {
		if bytes.Equal(got.Marshal(), want.Marshal()) {
			return nil
		}
		return &wrongHostKey{e.address, ssh.FingerprintSHA256(want), ssh.FingerprintSHA256(got)}
	}
}

// authenticate offers the private key, then the password, then the keys of an agent.
func (e *endpoint) authenticate(in props) error {
	if pem := provider.Text(in, "privateKey"); pem != "" {
		var signer ssh.Signer
		var err error
		if passphrase := provider.Text(in, "privateKeyPassword"); passphrase != "" {
			signer, err = ssh.ParsePrivateKeyWithPassphrase([]byte(pem), []byte(passphrase))
		} else {
			signer, err = ssh.ParsePrivateKey([]byte(pem))
		}
		if err != nil {
			return fmt.Errorf("connection.privateKey for %s: %w", e.address, err)
		}
		e.config.Auth = append(e.config.Auth, ssh.PublicKeys(signer))
	}
	if password := provider.Text(in, "password"); password != "" {
		e.config.Auth = append(e.config.Auth, ssh.Password(password), ssh.KeyboardInteractive(
			func(_, _ string, questions []string, _ []bool) ([]string, error) {
				answers := make([]string, len(questions))
				for i := range answers {
					answers[i] = password
				}
				return answers, nil
			}))
	}
	path := provider.Text(in, "agentSocketPath")
	if path == "" {
		path = os.Getenv("SSH_AUTH_SOCK")
	}
	if path != "" {
		conn, err := net.Dial("unix", path)
		if err != nil {
			return fmt.Errorf("SSH agent %s: %w", path, err)
		}
		e.agent = conn
		e.config.Auth = append(e.config.Auth, ssh.PublicKeysCallback(agent.NewClient(conn).Signers))
	}
	return nil
}

// connection is a logged-in client, and the ones it goes through.
type connection struct {
	*ssh.Client
	closers []func() error
}

func (c *connection) Close() error {
	for _, closeOne := range c.closers {
		_ = closeOne()
	}
	return nil
}

// dial connects to the host of a connection's inputs, through its proxy if it has one. The connection is kept alive,
// and closed when ctx ends.
func (p *runner) dial(ctx context.Context, in props) (*connection, error) {
	target, err := newEndpoint(in)
	if err != nil {
		return nil, err
	}
	c := &connection{}
	through := (&net.Dialer{}).DialContext
	if in["proxy"].IsObject() {
		proxy, err := newEndpoint(in["proxy"].ObjectValue())
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		client, err := p.attempts(ctx, proxy, through)
		if err != nil {
			return nil, fmt.Errorf("proxy: %w", err)
		}
		c.closers = append(c.closers, client.Close)
		through = client.DialContext
	}
	c.Client, err = p.attempts(ctx, target, through)
	if err != nil {
		_ = c.Close()
		return nil, err
	}
	c.closers = append([]func() error{c.Client.Close}, c.closers...)
	stop := context.AfterFunc(ctx, func() { _ = c.Close() })
	c.closers = append(c.closers, func() error { stop(); return nil })
	go keepAlive(c)
	return c, nil
}

// attempts tries until it works, the limit is reached, or the host shows a wrong key.
func (p *runner) attempts(ctx context.Context, e *endpoint, dial func(context.Context, string, string) (net.Conn, error),
) (*ssh.Client, error) {
	pause := firstPause
	for failed := 1; ; failed++ {
		client, err := e.once(ctx, dial)
		var wrong *wrongHostKey
		switch {
		case err == nil:
			return client, nil
		case errors.As(err, &wrong):
			return nil, wrong
		case ctx.Err() != nil:
			return nil, fmt.Errorf("cancelled while connecting to %s", e.address)
		case e.errors >= 0 && failed > e.errors:
			return nil, fmt.Errorf("after %d failed attempts to reach %s: %w", failed, e.address, err)
		}
		p.log.Status(ctx, p.urn, fmt.Sprintf("Dial %d of %s failed: %v; retrying", failed, e.address, err))
		select {
		case <-time.After(pause):
		case <-ctx.Done():
		}
		pause = min(pause*3/2, longestPause)
	}
}

func (e *endpoint) once(ctx context.Context, dial func(context.Context, string, string) (net.Conn, error),
) (*ssh.Client, error) {
	if e.timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, e.timeout)
		defer cancel()
	}
	conn, err := dial(ctx, "tcp", e.address)
	if err != nil {
		return nil, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	client, channels, requests, err := ssh.NewClientConn(conn, e.address, e.config)
	if !stop() && err == nil {
		err = ctx.Err()
	}
	if err != nil {
		_ = conn.Close()
		if ctx.Err() != nil && e.timeout > 0 {
			err = fmt.Errorf("no SSH login within %s: %w", e.timeout, err)
		}
		return nil, err
	}
	return ssh.NewClient(client, channels, requests), nil
}

// keepAlive closes a connection whose other end has gone away without a word.
func keepAlive(c *connection) {
	ended := make(chan struct{})
	go func() { _ = c.Wait(); close(ended) }()
	answers := make(chan struct{}, 1)
	missed := 0
	for {
		select {
		case <-ended:
			return
		case <-answers:
			missed = 0
		case <-time.After(keepAliveInterval):
			if missed++; missed > keepAliveMissed {
				_ = c.Close()
				return
			}
			go func() {
				if _, _, err := c.SendRequest("keepalive@openssh.com", true, nil); err == nil {
					answers <- struct{}{}
				}
			}()
		}
	}
}

func connectionOf(in props) (props, error) {
	if v := in["connection"]; v.IsObject() {
		return v.ObjectValue(), nil
	}
	return nil, errors.New("connection: missing")
}

// uniqueID is an ID like the official provider's.
func uniqueID(prefix string) (resource.ID, error) {
	id, err := resource.NewUniqueHex(prefix, 8, 0)
	return resource.ID(id), err
}
