// Threads that allocate, in Java's heap and, what malloc sees, beside it: direct buffers, zlib streams, class
// loading, compilation, thread stacks and the collector's own tables.

import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.util.*;
import java.util.concurrent.*;
import java.util.stream.*;
import java.util.zip.*;

public class Churn {
	record Item(int id, String name, List<Integer> parts) {}

	static String digest(byte[] b) throws Exception {
		return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(b)).substring(0, 24);
	}

	static String heap(long seed) throws Exception {
		Random random = new Random(seed);
		Map<String, Item> items = new HashMap<>();
		for (int i = 0; i < 60000; i++) {
			Item item = new Item(i, "n" + random.nextInt(9000), random.ints(random.nextInt(30), 0, 9).boxed().toList());
			items.merge(item.name(), item, (a, b) -> new Item(a.id() + b.id(), a.name(), b.parts()));
		}
		String all = items.values().stream().sorted(Comparator.comparing(Item::name))
			.map(Item::toString).collect(Collectors.joining(","));
		return digest(all.getBytes());
	}

	static String outside(long seed) throws Exception {
		Random random = new Random(seed);
		List<ByteBuffer> buffers = new ArrayList<>();
		CRC32 crc = new CRC32();
		for (int i = 0; i < 1500; i++) {
			ByteBuffer b = ByteBuffer.allocateDirect(1 + random.nextInt(i % 50 == 0 ? 400000 : 9000));
			while (b.hasRemaining())
				b.put((byte) i);
			buffers.add(b.flip());
			if (buffers.size() > 60)
				crc.update(buffers.remove(random.nextInt(buffers.size())));
		}
		byte[] text = new byte[100000], packed = new byte[110000], back = new byte[100000];
		for (int i = 0; i < 40; i++) {
			for (int j = 0; j < text.length; j++)
				text[j] = (byte) (j * i % 23);
			Deflater deflater = new Deflater(1 + i % 9);
			deflater.setInput(text);
			deflater.finish();
			int n = deflater.deflate(packed);
			deflater.end();
			Inflater inflater = new Inflater();
			inflater.setInput(packed, 0, n);
			inflater.inflate(back);
			inflater.end();
			if (!Arrays.equals(text, back))
				throw new AssertionError("inflated to something else");
			crc.update(packed, 0, n);
		}
		return Long.toHexString(crc.getValue());
	}

	public static void main(String[] args) throws Exception {
		ExecutorService pool = Executors.newFixedThreadPool(4);
		List<Future<String>> answers = new ArrayList<>();
		for (int i = 0; i < 8; i++) {
			long seed = i;
			answers.add(pool.submit(() -> heap(seed)));
			answers.add(pool.submit(() -> outside(seed)));
		}
		for (Future<String> answer : answers)
			System.out.println(answer.get());
		pool.shutdown();
		for (int round = 0; round < 20; round++) {
			List<Thread> threads = new ArrayList<>();
			for (int t = 0; t < 10; t++)
				threads.add(new Thread(() -> ByteBuffer.allocateDirect(5000)));
			threads.forEach(Thread::start);
			for (Thread t : threads)
				t.join();
		}
		Process child = new ProcessBuilder("/bin/echo", "from a child").start();
		System.out.print(new String(child.getInputStream().readAllBytes()));
		System.out.println(child.waitFor());
	}
}
