import java.io.*;
import java.net.*;
import java.nio.file.*;

/** A server, its client, files and a child. */
public class Server {
    public static void main(String[] arguments) throws Exception {
        Path page = Path.of("page");
        Files.writeString(page, "text");
        try (ServerSocket listener = new ServerSocket(0, 5, InetAddress.getByName("127.0.0.1"))) {
            Thread thread = new Thread(() -> {
                try (Socket peer = listener.accept()) {
                    peer.getOutputStream().write(Files.readAllBytes(page));
                } catch (IOException problem) {
                    throw new UncheckedIOException(problem);
                }
            });
            thread.start();
            try (Socket client = new Socket("127.0.0.1", listener.getLocalPort())) {
                client.getInputStream().readAllBytes();
            }
            thread.join();
        }
        try {
            new Socket("127.0.0.1", 9).close();
        } catch (ConnectException refused) {
            new ProcessBuilder("/bin/cat", "page").redirectErrorStream(true).start().waitFor();
        }
        try (RandomAccessFile file = new RandomAccessFile("page", "rw")) {
            file.readLine();
        }
    }
}
