# python.sh malloc|pymalloc dicts|json|objects|modules - CPython, with each object a block from malloc (PYTHONMALLOC)
# or with arenas of its own under the small ones, as it comes.
. "${0%/*}/common.sh"
need python3 python3
export PYTHONMALLOC=$1 PYTHONHASHSEED=1 PYTHONDONTWRITEBYTECODE=1
case $2 in
dicts) size=$(amount 120000 30000) ;;
json) size=$(amount 30000 8000) ;;
objects) size=$(amount 120000 30000) ;;
modules) size=$(amount 60 15) ;;
esac
measure python3 -S "$input/python_$2.py" "$size"
