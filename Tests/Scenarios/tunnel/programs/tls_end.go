// One end of a tunnel by Go's crypto/tls, for the scenarios:
//
//	tls_end server LISTEN TARGET CERT KEY CA NAME    TLS in front, plain TCP behind; NAME is a client's DNS name
//	tls_end client LISTEN TARGET CERT KEY CA NAME    plain TCP in front, TLS behind; NAME is the server's DNS name
//
// TLS 1.3 alone, both sides verified. Each direction ends by itself: close_notify for FIN, FIN for close_notify.
package main

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"net"
	"os"
	"time"
)

const patience = 20 * time.Second

func fail(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

type half interface {
	net.Conn
	CloseWrite() error
}

func pump(to, from half, done chan<- error) {
	_, err := io.Copy(to, from)
	if err == nil {
		err = to.CloseWrite()
	}
	done <- err
}

func join(a, b half) {
	defer a.Close()
	defer b.Close()
	done := make(chan error, 2)
	go pump(a, b, done)
	go pump(b, a, done)
	for range []int{0, 1} {
		if err := <-done; err != nil {
			fmt.Fprintln(os.Stderr, "relay:", err)
			return
		}
	}
}

func shake(end *tls.Conn, name string) error {
	end.SetDeadline(time.Now().Add(patience))
	if err := end.Handshake(); err != nil {
		return err
	}
	end.SetDeadline(time.Time{})
	return end.ConnectionState().PeerCertificates[0].VerifyHostname(name)
}

func serve(near net.Conn, target string, config *tls.Config, isServer bool, name string) {
	defer near.Close()
	dialled, err := net.DialTimeout("tcp", target, patience)
	if err != nil {
		fmt.Fprintln(os.Stderr, "dial:", err)
		return
	}
	defer dialled.Close()
	plain, secret := near, tls.Client(dialled, config)
	if isServer {
		plain, secret = dialled, tls.Server(near, config)
	}
	if err := shake(secret, name); err != nil {
		fmt.Fprintln(os.Stderr, "handshake:", err)
		return
	}
	join(plain.(*net.TCPConn), secret)
}

func main() {
	if len(os.Args) != 8 {
		fail(fmt.Errorf("usage: %s server|client LISTEN TARGET CERT KEY CA NAME", os.Args[0]))
	}
	role, listen, target, name := os.Args[1], os.Args[2], os.Args[3], os.Args[7]
	pair, err := tls.LoadX509KeyPair(os.Args[4], os.Args[5])
	if err != nil {
		fail(err)
	}
	pem, err := os.ReadFile(os.Args[6])
	if err != nil {
		fail(err)
	}
	roots := x509.NewCertPool()
	if !roots.AppendCertsFromPEM(pem) {
		fail(fmt.Errorf("%s: no certificate in it", os.Args[6]))
	}
	config := &tls.Config{
		Certificates: []tls.Certificate{pair}, RootCAs: roots, ClientCAs: roots, ServerName: name,
		ClientAuth: tls.RequireAndVerifyClientCert, MinVersion: tls.VersionTLS13,
		ClientSessionCache: tls.NewLRUClientSessionCache(8),
	}
	listener, err := net.Listen("tcp", listen)
	if err != nil {
		fail(err)
	}
	for {
		near, err := listener.Accept()
		if err != nil {
			fail(err)
		}
		go serve(near, target, config, role == "server", name)
	}
}
