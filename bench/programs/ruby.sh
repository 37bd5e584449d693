# ruby.sh - Ruby objects, strings and hashes.
. "${0%/*}/common.sh"
need ruby ruby
measure ruby --disable-gems "$input/ruby.rb" "$(amount 140000 40000)"
