"""A C program that includes gcfreeze.h, built as its users would."""

import subprocess

from conftest import run

USER = """
#define _GNU_SOURCE
#include <dlfcn.h>
#include <gcfreeze.h>
#include <stdio.h>

int main(void) {
    const char *(*version)(void);
    int (*get)(struct gcfreeze_status *);
    struct gcfreeze_status status = {.size = sizeof status};
    *(void **)&version = dlsym(RTLD_DEFAULT, "gcfreeze_version");
    *(void **)&get = dlsym(RTLD_DEFAULT, "gcfreeze_status");
    if (!version || !get)
        return puts("not preloaded") < 0;
    if (get(&status) != 0)
        return 1;
    return printf("%s %d\\n", version(), (int)status.attached) < 0;
}
"""

PROJECT = """
cmake_minimum_required(VERSION 3.20)
project(user C)
find_package(gcfreeze %s REQUIRED)
add_executable(user user.c)
target_link_libraries(user PRIVATE gcfreeze::header ${CMAKE_DL_LIBS})
file(WRITE ${CMAKE_BINARY_DIR}/preload "${gcfreeze_PRELOAD}")
"""


def write_user(folder):
    folder.mkdir(exist_ok=True)
    (folder / "user.c").write_text(USER)


def build_with_pkg_config(folder, prefix, cmake, compiler):
    """(program, what to preload)"""
    write_user(folder)
    where = str(next(prefix.glob("lib*/**/pkgconfig/gcfreeze.pc")).parent)

    def ask(*options):
        return run("pkg-config", *options, "gcfreeze", PKG_CONFIG_LIBDIR=where).stdout.split()

    run(compiler, "-Wall", "-Werror", *ask("--cflags"), folder / "user.c", "-o", folder / "user",
        *ask("--libs"), "-ldl")  # fmt: skip
    return folder / "user", ask("--variable=preload")[0]


def build_with_cmake(folder, prefix, cmake, compiler, version=""):
    """(program, what to preload)"""
    write_user(folder)
    (folder / "CMakeLists.txt").write_text(PROJECT % version)
    built = folder / "built"
    run(cmake, "-S", folder, "-B", built, "-DCMAKE_PREFIX_PATH=%s" % prefix,
        "-DCMAKE_C_COMPILER=%s" % compiler)  # fmt: skip
    run(cmake, "--build", built)
    return built / "user", (built / "preload").read_text()


def said_under(program, preload):
    """What the program prints with `preload` preloaded."""
    environment = {"LD_PRELOAD": preload} if preload else {}
    done = subprocess.run(
        [str(program)], env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    assert done.returncode == 0, done.stdout
    return done.stdout.strip()
