# ghostscript.sh - pages of text and curves, drawn by a PostScript program, made into a PDF.
. "${0%/*}/common.sh"
need gs ghostscript
result() { grep -av 'Date\|/ID\|uuid' out.pdf; }
measure gs -q -dBATCH -dNOPAUSE -dSAFER -sDEVICE=pdfwrite -sOutputFile=out.pdf -dpages="$(amount 180 40)" \
	"$input/ghostscript.ps"
