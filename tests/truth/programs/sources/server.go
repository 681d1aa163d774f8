// A static program without libc: a server, its clients over TCP and UDP, files and a child.
package main

import (
	"io"
	"net"
	"os"
	"os/exec"
)

func check(err error) {
	if err != nil {
		panic(err)
	}
}

func main() {
	check(os.WriteFile("page", []byte("text"), 0o600))
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(err)
	done := make(chan bool)
	go func() {
		peer, err := listener.Accept()
		check(err)
		page, err := os.ReadFile("page")
		check(err)
		peer.Write(page)
		peer.Close()
		done <- true
	}()
	client, err := net.Dial("tcp", listener.Addr().String())
	check(err)
	io.ReadAll(client)
	<-done
	if _, err := net.Dial("tcp", "127.0.0.1:9"); err == nil {
		panic("connected to nobody")
	}
	here, err := net.ListenPacket("udp", "[::1]:0")
	check(err)
	there, err := net.Dial("udp", here.LocalAddr().String())
	check(err)
	there.Write([]byte("x"))
	bytes := make([]byte, 10)
	_, peer, err := here.ReadFrom(bytes)
	check(err)
	here.WriteTo([]byte("y"), peer)
	there.Read(bytes)
	check(exec.Command("/bin/cat", "page").Run())
}
