# xmllint.sh - libxml2 builds the tree of a large document, asks it an XPath question and frees it.
. "${0%/*}/common.sh"
need xmllint libxml2-utils
items=$(amount 100000 25000)
generate() {
	awk -v n="$items" 'BEGIN {
		print "<?xml version=\"1.0\"?>\n<shop>"
		for (i = 0; i < n; i++) {
			printf "<item id=\"%d\" group=\"g%d\"><name lang=\"en\">item %d</name><!-- %d -->",
				i, i % 97, i * 7919 % n, i
			printf "<size w=\"%d\" h=\"%d\"/><text>some words of text, and then item %d</text></item>\n",
				i % 640, i % 480, i
		}
		print "</shop>"
	}'
}
once "$items.xml" generate
measure xmllint --noblanks --xpath "sum(//item[@group='g13']/size/@w) + count(//name[contains(., '77')])" \
	"$data/$items.xml"
