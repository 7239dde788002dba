"""cmake --install, and a program that uses what it leaves behind."""

import subprocess
from pathlib import Path

import pytest
from conftest import BUILD, CMAKE, COMPILER, ROOT, environment

USER = """
#include <dlfcn.h>
#include <gcfreeze.h>
#include <stdio.h>
int main(void) {
    const char *(*version)(void);
    int (*get)(struct gcfreeze_status *);
    struct gcfreeze_status status = {.size = sizeof status};
    *(void **)&version = dlsym(RTLD_DEFAULT, "gcfreeze_version");
    *(void **)&get = dlsym(RTLD_DEFAULT, "gcfreeze_status");
    if (!version || !get || get(&status) != 0)
        return 1;
    printf("%s %d\\n", version(), status.attached);
    return 0;
}
"""


def output_of(*command):
    return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout


def test_installed_library_and_header_serve_a_program(tmp_path):
    prefix = tmp_path / "prefix"
    output_of(CMAKE, "--install", str(BUILD), "--prefix", str(prefix))
    library = next(prefix.rglob("libgcfreeze.so"))
    real = library.resolve()
    version = real.name.split(".so.")[1]
    assert library.is_symlink()
    assert library.with_name("libgcfreeze.so.0").resolve() == real
    assert (prefix / "include" / "gcfreeze.h").is_file()

    (tmp_path / "user.c").write_text(USER)
    user = tmp_path / "user"
    output_of(
        COMPILER, "-D_GNU_SOURCE", "-Wall", "-Wextra", "-Werror", "-I", str(prefix / "include"),
        str(tmp_path / "user.c"), "-o", str(user), "-ldl",
    )  # fmt: skip
    for name in ("libgcfreeze.so", "libgcfreeze.so.0"):
        done = subprocess.run(
            [str(user)], env=environment(library.with_name(name)), stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, text=True,
        )
        assert (done.returncode, done.stdout, done.stderr) == (0, version + " 0\n", "")
    assert subprocess.run([str(user)], env=environment(None)).returncode == 1


@pytest.mark.parametrize(
    "language, standard, part", [("c", "c99", "cc1"), ("c++", "c++11", "cc1plus")]
)
def test_header_can_be_included(language, standard, part, tmp_path):
    if not Path(output_of(COMPILER, "-print-prog-name=" + part).strip()).is_absolute():
        pytest.skip("%s cannot compile %s" % (COMPILER, language))
    source = tmp_path / "header"
    source.write_text("#include <gcfreeze.h>\n")
    output_of(
        COMPILER, "-x", language, "-std=" + standard, "-Wall", "-Wextra", "-Wpedantic", "-Werror",
        "-fsyntax-only", "-I", str(ROOT / "include"), str(source),
    )  # fmt: skip
