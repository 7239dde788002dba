#!/usr/bin/python3
"""Executes a command in a seccomp sandbox: sandbox.py PROFILE command...

PROFILE is one of:
  a file       in the format of container runtimes (Docker's and podman's seccomp.json)
  @set         a set of system calls that systemd allows: its SystemCallFilter=
  docker       what Docker's documentation lists as blocked by its default profile
  name=ERROR   that system call fails with that error; several names have commas between them

Written for Debian's own interpreter: the module seccomp is libseccomp's (package python3-seccomp).
"""

import errno
import json
import os
import subprocess
import sys

import seccomp

# https://docs.docker.com/engine/security/seccomp/, "Significant syscalls blocked by the default
# profile", without clone, of which only namespaces are blocked, and what old kernels alone had
DOCKER_BLOCKS = """
acct add_key bpf clock_adjtime clock_settime create_module delete_module finit_module get_kernel_syms
get_mempolicy init_module ioperm iopl io_uring_enter io_uring_register io_uring_setup kcmp
kexec_file_load kexec_load keyctl lookup_dcookie mbind mount move_pages name_to_handle_at nfsservctl
open_by_handle_at perf_event_open personality pivot_root process_vm_readv process_vm_writev ptrace
query_module quotactl reboot request_key set_mempolicy setns settimeofday stime swapon swapoff sysfs
_sysctl umount umount2 unshare uselib userfaultfd ustat vm86 vm86old
"""

COMPARISONS = {
    "SCMP_CMP_EQ": seccomp.EQ,
    "SCMP_CMP_NE": seccomp.NE,
    "SCMP_CMP_MASKED_EQ": seccomp.MASKED_EQ,
}


def add(sandbox, action, name, arguments=()):
    number = seccomp.resolve_syscall(seccomp.Arch(), name)
    if number < 0:
        return  # of another architecture, or newer than libseccomp
    try:
        sandbox.add_rule(action, name, *arguments)
    except RuntimeError as error:
        if error.args[0:1] != ("Library error (errno = -13)",):  # the same as the default action
            raise


def deny(names, error):
    sandbox = seccomp.SyscallFilter(seccomp.ALLOW)
    for name in names:
        add(sandbox, seccomp.ERRNO(error), name)
    return sandbox


def argument(rule):
    masked = rule["op"] == "SCMP_CMP_MASKED_EQ"
    values = (rule["value"], rule["valueTwo"]) if masked else (rule["value"],)
    return seccomp.Arg(rule["index"], COMPARISONS[rule["op"]], *values)


def from_runtime(path):
    """For a container without capabilities, on this architecture."""
    with open(path) as file:
        profile = json.load(file)
    sandbox = seccomp.SyscallFilter(seccomp.ERRNO(profile.get("defaultErrnoRet", errno.EPERM)))
    for rule in profile["syscalls"]:
        includes, excludes = rule.get("includes", {}), rule.get("excludes", {})
        if includes.get("caps") or "amd64" not in includes.get("arches", ["amd64"]):
            continue
        if "amd64" in excludes.get("arches", []):
            continue
        allow = rule["action"] == "SCMP_ACT_ALLOW"
        action = seccomp.ALLOW if allow else seccomp.ERRNO(rule.get("errnoRet", errno.EPERM))
        for name in rule["names"]:
            add(sandbox, action, name, [argument(one) for one in rule.get("args") or []])
    return sandbox


def systemd_sets():
    """{"@set": what it consists of, other sets among it}"""
    listing = subprocess.run(
        ["systemd-analyze", "--no-pager", "syscall-filter"], stdout=subprocess.PIPE, text=True, check=True
    ).stdout
    sets, members = {}, []
    for line in listing.splitlines():
        word = line.strip()
        if line.startswith("@"):
            members = sets.setdefault(word, [])
        elif word and not word.startswith("#"):
            members.append(word)
    return sets


def names_of(group, sets):
    for member in sets[group]:
        yield from names_of(member, sets) if member.startswith("@") else [member]


def from_systemd(group):
    sets = systemd_sets()
    sandbox = seccomp.SyscallFilter(seccomp.ERRNO(errno.EPERM))
    for name in sorted({*names_of(group, sets), *names_of("@default", sets)}):
        add(sandbox, seccomp.ALLOW, name)
    return sandbox


def main():
    profile, *command = sys.argv[1:]
    if profile == "docker":
        sandbox = deny(DOCKER_BLOCKS.split(), errno.EPERM)
    elif profile.startswith("@"):
        sandbox = from_systemd(profile)
    elif profile.startswith("/"):
        sandbox = from_runtime(profile)
    else:
        names, error = profile.split("=")
        sandbox = deny(names.split(","), getattr(errno, error))
    sandbox.load()
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
