// Buffers outside V8's heap, strings, JSON, maps; a tenth of the buffers are kept.
const zlib = require("zlib");
const count = Number(process.argv[2]);
const kept = [];
const index = new Map();
let state = 12345;
for (let i = 0; i < count; i++) {
	state = (Math.imul(state, 1103515245) + 12345) & 0x7fffffff;
	const buffer = Buffer.allocUnsafeSlow(64 + (state % 8192));
	buffer.fill(i & 255);
	if (i % 10 === 0) kept.push([buffer, i & 255]);
	index.set("key" + (state % count), JSON.parse(JSON.stringify({ id: i, list: [state, i, "text " + state] })));
	if (i % 20 === 0) zlib.deflateSync(buffer, { level: 1 });
}
for (const [buffer, value] of kept) if (buffer[buffer.length - 1] !== value) process.exit(1);
if (index.size < count / 4) process.exit(1);
console.log(index.size, kept.length, [...index.keys()].sort().slice(0, 5).join(" "));
