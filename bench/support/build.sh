# Sourced by script/demo and script/bench: builds build/libgcfreeze.so without a word, unless it fails.
build_log=$(mktemp)
trap 'rm -f "$build_log"' EXIT
{ cmake -S . -B build && cmake --build build -j "$(nproc)"; } >"$build_log" 2>&1 || {
    cat "$build_log" >&2
    exit 1
}
rm -f "$build_log"
