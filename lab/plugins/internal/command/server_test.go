package command

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"io"
	"net"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"
)

// server is an SSH server in the test's process: it runs commands with sh, forwards connections, and serves files.
type server struct {
	listener net.Listener
	hostKey  ssh.Signer
	mutex    sync.Mutex
	logins   int             // connections that have logged in
	open     int             // sessions under way
	accept   map[string]bool // variables of the client to accept
}

func newSigner(t *testing.T) (ssh.Signer, ed25519.PrivateKey) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return signer, key
}

// startServer lets in the given key, and the password "secret".
func startServer(t *testing.T, allowed ssh.PublicKey) *server {
	t.Helper()
	hostKey, _ := newSigner(t)
	config := &ssh.ServerConfig{
		PublicKeyCallback: func(_ ssh.ConnMetadata, key ssh.PublicKey) (*ssh.Permissions, error) {
			if allowed != nil && string(key.Marshal()) == string(allowed.Marshal()) {
				return nil, nil
			}
			return nil, io.EOF
		},
		PasswordCallback: func(_ ssh.ConnMetadata, password []byte) (*ssh.Permissions, error) {
			if string(password) == "secret" {
				return nil, nil
			}
			return nil, io.EOF
		},
	}
	config.AddHostKey(hostKey)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	s := &server{listener: listener, hostKey: hostKey, accept: map[string]bool{}}
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go s.serve(conn, config)
		}
	}()
	return s
}

func (s *server) count(field *int, by int) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	*field += by
}

func (s *server) value(field *int) int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return *field
}

// connection gives the inputs to reach the server with its right host key.
func (s *server) connection(more m) m {
	address := s.listener.Addr().(*net.TCPAddr)
	in := m{
		"host": "127.0.0.1", "port": address.Port, "user": "tester", "password": "secret", "dialErrorLimit": 0,
		"hostKey": string(ssh.MarshalAuthorizedKey(s.hostKey.PublicKey())), "perDialTimeout": 5,
	}
	for key, value := range more {
		if value == nil {
			delete(in, key)
		} else {
			in[key] = value
		}
	}
	return in
}

func (s *server) serve(conn net.Conn, config *ssh.ServerConfig) {
	_, channels, requests, err := ssh.NewServerConn(conn, config)
	if err != nil {
		return
	}
	s.count(&s.logins, 1)
	go ssh.DiscardRequests(requests)
	for channel := range channels {
		switch channel.ChannelType() {
		case "session":
			go s.session(channel)
		case "direct-tcpip":
			go forward(channel)
		default:
			_ = channel.Reject(ssh.UnknownChannelType, "")
		}
	}
}

func forward(request ssh.NewChannel) {
	var to struct {
		Host   string
		Port   uint32
		Origin string
		From   uint32
	}
	_ = ssh.Unmarshal(request.ExtraData(), &to)
	conn, err := net.Dial("tcp", net.JoinHostPort(to.Host, strconv.Itoa(int(to.Port))))
	if err != nil {
		_ = request.Reject(ssh.ConnectionFailed, err.Error())
		return
	}
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	go ssh.DiscardRequests(requests)
	go func() { _, _ = io.Copy(conn, channel); _ = conn.Close() }()
	_, _ = io.Copy(channel, conn)
	_ = channel.Close()
}

func (s *server) session(request ssh.NewChannel) {
	channel, requests, err := request.Accept()
	if err != nil {
		return
	}
	s.count(&s.open, 1)
	defer s.count(&s.open, -1)
	defer channel.Close()
	var environment []string
	for request := range requests {
		var payload struct{ Name, Value string }
		_ = ssh.Unmarshal(append(request.Payload, 0, 0, 0, 0), &payload)
		switch {
		case request.Type == "env" && s.accept[payload.Name]:
			environment = append(environment, payload.Name+"="+payload.Value)
			_ = request.Reply(true, nil)
		case request.Type == "exec":
			_ = request.Reply(true, nil)
			s.run(channel, requests, payload.Name, environment)
			return
		case request.Type == "subsystem" && payload.Name == "sftp":
			_ = request.Reply(true, nil)
			if files, err := sftp.NewServer(channel); err == nil {
				_ = files.Serve()
			}
			return
		default:
			_ = request.Reply(false, nil)
		}
	}
}

// run executes a command; it is killed when the client closes the session.
func (s *server) run(channel ssh.Channel, requests <-chan *ssh.Request, text string, environment []string) {
	cmd := exec.Command("sh", "-c", text)
	cmd.Env = append(cmd.Environ(), environment...)
	cmd.Stdin, cmd.Stdout, cmd.Stderr = channel, channel, channel.Stderr()
	cmd.WaitDelay = 100 * time.Millisecond
	status := struct{ Code uint32 }{255}
	if err := cmd.Start(); err == nil {
		go func() {
			for request := range requests {
				_ = request.Reply(false, nil)
			}
			_ = cmd.Process.Kill()
		}()
		_ = cmd.Wait()
		status.Code = uint32(cmd.ProcessState.ExitCode())
	}
	_, _ = channel.SendRequest("exit-status", false, ssh.Marshal(&status))
}

func opensshKey(t *testing.T, key ed25519.PrivateKey, passphrase string) string {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(key, "")
	if passphrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(pem.EncodeToMemory(block))
}

// eventually waits up to three seconds.
func eventually(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for range 300 {
		if holds() {
			return
		}
		time.Sleep(10 * time.Millisecond)
	}
	t.Errorf("not within 3 s: %s", what)
}

func contains(err error, part string) bool { return err != nil && strings.Contains(err.Error(), part) }
