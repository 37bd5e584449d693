// The work of programs/node.sh, which says what it is for.

const { Worker, isMainThread, parentPort, workerData } = require("worker_threads");
const crypto = require("crypto"), zlib = require("zlib"), util = require("util"), fs = require("fs");
const { execFileSync } = require("child_process");
const sha = (...x) => { const h = crypto.createHash("sha256"); x.forEach((b) => h.update(b)); return h.digest("hex"); };

let state = 11;
const rnd = (n) => { state = (state * 48271) % 2147483647; return state % n; };

function churn(seed, rounds) {
  state = seed;
  const slots = [];
  for (let i = 0; i < rounds; i++) {
    const b = Buffer.allocUnsafeSlow(1 + rnd(rnd(50) ? 2000 : 300000));
    b.fill(i & 255);
    slots[rnd(500)] = b;
  }
  return sha(...slots.filter(Boolean));
}

async function main() {
  console.log(churn(5, 60000));
  const words = Array.from({ length: 100000 }, () => "w" + rnd(5000));
  const count = new Map();
  for (const w of words) count.set(w, (count.get(w) || 0) + 1);
  console.log([...count].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).slice(0, 5));
  const text = Buffer.from(JSON.stringify(words));
  console.log(sha(JSON.stringify(JSON.parse(text)).replace(/w(\d)(\d)/g, "$2x$1")));

  const pieces = Array.from({ length: 40 }, (_, i) => text.subarray(i * 1000, i * 1000 + 200000));
  const packed = await Promise.all(pieces.map((p, i) =>
    util.promisify([zlib.gzip, zlib.deflateRaw, zlib.brotliCompress][i % 3])(p, { level: 4,
      params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 } })));
  const back = await Promise.all(packed.map((p, i) =>
    util.promisify([zlib.gunzip, zlib.inflateRaw, zlib.brotliDecompress][i % 3])(p)));
  console.log(back.every((b, i) => b.equals(pieces[i])));
  const keys = await Promise.all([1, 2, 3, 4].map((i) => util.promisify(crypto.scrypt)("pass", "salt" + i, 32)));
  console.log(sha(...keys));

  fs.mkdirSync("files");
  await Promise.all(pieces.map((p, i) => fs.promises.writeFile("files/" + i, p)));
  console.log(sha(...await Promise.all(pieces.map((_, i) => fs.promises.readFile("files/" + i)))));

  for (let round = 0; round < 3; round++) {
    const answers = await Promise.all([1, 2, 3, 4].map((n) => new Promise((resolve, reject) => {
      const w = new Worker(__filename, { workerData: { seed: n + round, text } });
      w.on("message", resolve); w.on("error", reject);
    })));
    console.log(answers.map((a) => a.hash), answers.map((a) => a.list.length));
  }
  console.log(execFileSync("/bin/sh", ["-c", "cat; echo done"], { input: text.subarray(0, 20000) }).length);
}

if (isMainThread) main();
else parentPort.postMessage({ hash: churn(workerData.seed, 8000) + sha(workerData.text).slice(0, 8),
  list: Array.from({ length: 20000 }, (_, i) => ({ i, s: "x" + i })) });
