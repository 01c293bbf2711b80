# The steps of .ci/run, which sources this file and says what $root, $work, $main and $measured are.

fail() { printf 'FAILED: %s\n' "$*" >&2; exit 1; }

run_step() {
    case $1 in
        python3.*) first_tier "${1#python}" ;;
        *) "step_$1" ;;
    esac
}

# Runs a command whose output matters only if it fails.
quietly() {
    local output
    output=$(mktemp)
    "$@" >"$output" 2>&1 || { cat "$output"; fail "$*"; }
}

# A copy of the project as a fresh clone has it; further arguments name what is left out.
fresh_copy() {
    local into=$1 name exclude=()
    shift
    for name in .git .venv build dist '*.egg-info' __pycache__ '.*_cache' '.coverage*' "$@"; do
        exclude+=("--exclude=./$name" "--exclude=*/$name")
    done
    mkdir -p "$into"
    tar -C "$root" "${exclude[@]}" -cf - . | tar -C "$into" -xf -
}

# A new virtual environment with what the further arguments name. Python's own pip may be too old for --group.
new_venv() {
    local venv="$work/venv/$1" python=$2
    shift 2
    "$python" -m venv "$venv"
    quietly "$venv/bin/python" -m pip install --upgrade "pip>=25.1"
    quietly "$venv/bin/python" -m pip install "$@"
}

# Builds the source distribution and the wheel from it, once for all steps.
need_wheel() {
    (
        flock 9
        [[ -d $work/dist ]] || {
            fresh_copy "$work/copy/source"
            new_venv release python3 --group "$root/pyproject.toml:release"
            quietly "$work/venv/release/bin/python" -m build --outdir "$work/built" "$work/copy/source"
            mv "$work/built" "$work/dist"
        }
    ) 9>"$work/dist.lock"
    wheel=$(echo "$work"/dist/*.whl)
}

# What a reader of the source distribution has.
unpacked_sdist() {
    mkdir -p "$1"
    tar -C "$1" --strip-components=1 -xzf "$(echo "$work"/dist/*.tar.gz)"
}

step_wheel() {
    need_wheel
    local tools="$work/venv/release/bin" file
    python3 "$root/.ci/look_into_wheel.py" "$wheel" "$root"
    "$tools/twine" check --strict "$work"/dist/*
    "$tools/check-wheel-contents" "$wheel"
    unpacked_sdist "$work/copy/again"
    quietly "$tools/python" -m build --wheel --outdir "$work/again" "$work/copy/again"
    cmp "$wheel" "$work/again/${wheel##*/}"
    echo "built twice, the wheel is the same to the byte"
    for file in "$work"/dist/*; do
        new_venv "install-${file##*.}" python3 "$file"
        (cd "$work/tmp" && "$work/venv/install-${file##*.}/bin/python" "$root/examples/quickstart.py" >"$work/log/quickstart")
        echo "${file##*/}: installs, and runs the quickstart"
    done
}

step_lint() {
    need_wheel
    new_venv lint python3 "$wheel" --group "$root/pyproject.toml:lint"
    PATH="$work/venv/lint/bin:$PATH"
    fresh_copy "$work/copy/lint"
    cd "$work/copy/lint"
    check ruff format --check .
    check ruff check .
    check codespell
    check mypy analytics_posthog tests/typing/api.py
    check pyright --pythonpath "$work/venv/lint/bin/python"
    check proselint --config .proselintrc.json check ./*.md docs/*.md
    # Once more, with the types that the wheel brings.
    fresh_copy "$work/copy/typing" analytics_posthog
    cd "$work/copy/typing"
    check mypy tests/typing/api.py
    [[ -z $unhappy ]] || fail "lint:$unhappy"
}

# One of lint's checks; the others run all the same.
check() {
    printf '$ %s\n' "$*"
    "$@" || unhappy+=" $1"
}
unhappy=""

# The one line in the code block below a marker in the README.
readme_command() {
    local line
    line=$(awk -v mark="<!-- $1-command -->" '
        $0 == mark { below = 1; next }
        below && /^```/ { if (inside) exit; inside = 1; next }
        below && inside' "$root/README.md")
    [[ -n $line && $line != *$'\n'* ]] || fail "README.md has no $1 command on one line"
    printf '%s\n' "$line"
}

step_readme() {
    local name command
    need_wheel
    with_coverage readme
    export PYTEST_ADDOPTS="${coverage_options[*]}"
    for name in quickstart test; do
        command=$(readme_command "$name")
        printf '$ %s\n' "$command"
        # The tests run in the source distribution, which must have all that they need.
        if [[ $name == test ]]; then unpacked_sdist "$work/copy/readme-$name"; else fresh_copy "$work/copy/readme-$name"; fi
        cd "$work/copy/readme-$name"
        bash -c "$command"
    done
    all_passed readme
}

# The closing lines of the runs of pytest in a log, without their frames.
pytest_summaries() { { grep -E '[0-9]+ (passed|failed|skipped|error).* in [0-9.]+s' "$1" || true; } | sed 's/^=* //; s/ =*$//'; }

all_passed() {
    local summaries
    summaries=$(pytest_summaries "$work/log/$1")
    [[ $summaries == *" passed in "* ]] || fail "$1: pytest did not come to its end"
    ! grep -E 'failed|skipped|error' <<<"$summaries" || fail "$1: not all tests passed"
}

# Tests against the installed wheel, in a copy of the project without the source:
# the step, its Python, the dependency group; then what .ci/test-wheel makes of the rest.
test_wheel() {
    local name=$1 python=$2 group=$3
    shift 3
    need_wheel
    fresh_copy "$work/copy/$name" analytics_posthog
    cd "$work/copy/$name"
    "${enter[@]}" .ci/test-wheel "$python" "$work/venv/$name" "$wheel" --group "$group" "$@"
    all_passed "$name"
}
enter=()

# What makes pytest measure: a file for each step, because pytest-cov puts together all that it finds beside its own.
with_coverage() {
    [[ -n $measured ]] || return 0
    mkdir -p "$work/coverage/$1"
    export COVERAGE_FILE="$work/coverage/$1/.coverage"
    coverage_options=(--cov --cov-report= --cov-fail-under=0)
}
coverage_options=()

first_tier() {
    local python requirements=() more=()
    python=$(find_python "$1")
    if [[ -z $python ]]; then
        if ! "$root/.ci/debian-pythons" make "$work/debian" 3.14 3.15 >"$work/log/debian" 2>&1; then
            tail -n 20 "$work/log/debian"
            echo "not tested: $1"
            touch "$work/untested/python$1"
            return 0
        fi
        python=/usr/bin/python$1
        enter=("$root/.ci/debian-pythons" enter "$work/debian" "$work")
    fi
    # The oldest posthog that is allowed, on the oldest Python.
    [[ $1 != 3.10 ]] || requirements=("posthog==$(lowest_posthog)")
    # forkserver is the default start method of multiprocessing from 3.14, so forks and exits are tested there too.
    [[ $1 != 3.1[45] ]] || more=(-- -q tests/processes/test_*{exit,fork,start_methods}*.py)
    test_wheel "python$1" "$python" test "${requirements[@]}" -- -q "${more[@]}"
}

lowest_posthog() {
    local floor
    floor=$(sed -n 's/^[[:space:]]*posthog>=\([0-9.]*\),.*/\1/p' "$root/setup.cfg")
    [[ -n $floor ]] || fail "setup.cfg names no lowest posthog"
    printf '%s\n' "$floor"
}

step_docs() {
    need_wheel
    new_venv docs python3 "$wheel" --group "$root/pyproject.toml:docs"
    fresh_copy "$work/copy/docs" analytics_posthog
    cd "$work/copy/docs"
    "$work/venv/docs/bin/python" -m sphinx -W --keep-going -q -b html docs "$work/site"
    echo "$(find "$work/site" -maxdepth 1 -name '*.html' | wc -l) pages"
}

# The environments of the steps that run alone, while others run.
step_environments() {
    need_wheel
    new_venv processes python3 "$wheel" --group "$root/pyproject.toml:processes"
    need_browser_venv
}

need_browser_venv() {
    [[ -x $work/venv/browser/bin/python ]] || new_venv browser python3 "$wheel" --group "$root/pyproject.toml:browser"
}

step_processes() {
    with_coverage processes
    test_wheel processes python3 processes -- -q tests/processes "${coverage_options[@]}"
}

step_browser() {
    with_coverage browser
    need_wheel
    need_browser_venv
    fresh_copy "$work/copy/browser" analytics_posthog
    cd "$work/copy/browser"
    .ci/browser "$work/venv/browser/bin/python" "${coverage_options[@]}"
    all_passed browser
}

step_coverage() {
    fresh_copy "$work/copy/coverage"
    cd "$work/copy/coverage"
    export COVERAGE_FILE="$work/coverage/.coverage"
    local coverage=("$work/venv/processes/bin/python" -m coverage)
    "${coverage[@]}" combine -q "$work"/coverage/{readme,processes,browser}/.coverage
    "${coverage[@]}" report
}

version_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null; }

# The interpreter of a version such as 3.12, from the PATH or from pyenv, if it is there and starts.
find_python() {
    local candidate
    for candidate in python3 "python$1" "$(newest_of_pyenv "$1")"; do
        if [[ -n $candidate ]] && [[ $(version_of "$candidate") == "$1" ]]; then
            printf '%s\n' "$candidate"
            return
        fi
    done
}

newest_of_pyenv() {
    local folder
    folder=$(pyenv root 2>/dev/null) || return 0
    find "$folder/versions" -maxdepth 1 -name "$1.*" 2>/dev/null | sort -V | tail -n 1 | sed "s#\$#/bin/python$1#"
}
