// A web server and its client, files in every way, a child, and a datagram.
const { execFile } = require('child_process');
const dgram = require('dgram');
const fs = require('fs');
const http = require('http');
const net = require('net');

fs.writeFileSync('page', 'text');
const server = http.createServer((request, response) => {
  // Node accepts without asking who it is; this asks.
  if (request.socket.remoteAddress !== '127.0.0.1') process.exit(1);
  fs.createReadStream('page').pipe(response);
});
server.listen(0, '127.0.0.1', () => {
  http.get({ port: server.address().port, host: '127.0.0.1', agent: false }, (answer) => {
    answer.resume();
    answer.on('end', () => server.close(refused));
  });
});

function refused() {
  net.connect(9, '127.0.0.1').on('error', child);
}

function child() {
  execFile('/bin/cat', ['page'], datagram);
}

function datagram() {
  const here = dgram.createSocket('udp4');
  here.on('message', () => here.close());
  here.bind(0, '127.0.0.1', () => {
    const there = dgram.createSocket('udp4');
    there.bind(0, '127.0.0.1', () => {
      there.address();
      there.send('x', here.address().port, '127.0.0.1', () => there.close());
    });
  });
}
