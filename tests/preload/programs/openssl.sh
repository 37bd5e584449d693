# OpenSSL: digests, ciphers there and back, key generation, signatures, certificates and CMS. Secrets are cleansed
# before free, buffers are reallocated by the hundred, and the library frees what is left in an exit handler.

needs=(openssl awk cmp)
probe=(openssl version)

workload() {
	awk 'BEGIN { for (i = 0; i < 400000; i++) print i * 7919 % 1000003, i }' >data
	openssl dgst -r -md5 data
	for digest in sha1 sha256 sha512 sha3-256 blake2b512; do openssl dgst -r -"$digest" data; done
	for cipher in aes-256-cbc aes-128-ctr camellia-192-cbc chacha20; do
		openssl enc -"$cipher" -pbkdf2 -iter 1000 -S 0102030405060708 -pass pass:secret -in data -out sealed
		openssl dgst -r -sha256 sealed
		openssl enc -d -"$cipher" -pbkdf2 -iter 1000 -S 0102030405060708 -pass pass:secret -in sealed | cmp - data
	done
	openssl base64 -in data | openssl base64 -d | cmp - data
	openssl prime -generate -bits 512 >prime
	openssl prime "$(cat prime)" | sed 's/.* is/is/'
	openssl req -x509 -newkey rsa:2048 -nodes -subj /CN=authority -days 30 -keyout ca.key -out ca.pem
	for kind in "RSA -pkeyopt rsa_keygen_bits:2048" "EC -pkeyopt ec_paramgen_curve:P-256"; do
		# shellcheck disable=SC2086 # words
		openssl genpkey -algorithm $kind -out key.pem
		openssl pkey -in key.pem -pubout -out pub.pem
		openssl dgst -sha256 -sign key.pem -out signature data
		openssl dgst -sha256 -verify pub.pem -signature signature data
		openssl req -new -key key.pem -subj /CN=user -out user.csr
		openssl x509 -req -in user.csr -CA ca.pem -CAkey ca.key -set_serial 7 -days 20 -out user.pem
		openssl verify -CAfile ca.pem user.pem
		openssl cms -sign -binary -nodetach -in data -signer user.pem -inkey key.pem -outform DER -out signed
		openssl cms -verify -binary -inform DER -in signed -CAfile ca.pem -purpose any -out opened
		cmp opened data
		openssl pkcs12 -export -in user.pem -inkey key.pem -passout pass:x -out user.p12
		openssl pkcs12 -in user.p12 -passin pass:x -nodes -nokeys | openssl x509 -noout -subject
	done
	openssl list -digest-algorithms | wc -l
}
