#!/usr/bin/env python3
"""Link libraries for CUDA that open the real ones at the first call.  x86-64 Linux.

usage: lazy.py CUDARC_SOURCE FOLDER

cudarc links CUDA's libraries, so that a program built with it does not start where they are missing.  This writes
libcuda.so, libcublas.so, ... into FOLDER: static archives by content (the linker goes by content) with one trampoline
for each function that cudarc's bindings name.  A trampoline opens the real library at its first call; where there is
none it answers with an error status, so that one program serves machines with and without a GPU.

At run time: CUDA_LAZY_PATH=a:b:c names folders to look in first, CUDA_LAZY_VERBOSE=1 says where libraries come from.
"""
import os, re, subprocess, sys, tempfile

SRC, OUT = sys.argv[1], sys.argv[2]
# module: (link name, sonames to try, status to return without the library)
LIBS = {
    "driver":   ("cuda",     ["libcuda.so.1"],                         100),  # CUDA_ERROR_NO_DEVICE
    "cublas":   ("cublas",   ["libcublas.so.13"],                        1),  # NOT_INITIALIZED
    "cublaslt": ("cublasLt", ["libcublasLt.so.13"],                      1),
    "curand":   ("curand",   ["libcurand.so.10"],                      203),  # INITIALIZATION_FAILED
    "nvrtc":    ("nvrtc",    ["libnvrtc.so.13"],                        11),  # INTERNAL_ERROR
}
C = r'''
#define _GNU_SOURCE
#include <dlfcn.h>
#include <glob.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#define HID __attribute__((visibility("hidden")))
static const char *const names[] = { @NAMES@ };
static const unsigned char kind[] = { @KINDS@ };
HID void *lz_@L@_tab[@N@];
static void *handle;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static long fail_status(void) { return @STATUS@; }
static const char *fail_text(void) { return "@SONAME@ is not loaded"; }
static void *try_dir(const char *d) {
    char p[PATH_MAX];
    if (*"@DEP@") {                              /* what the library itself needs, from the same folder */
        glob_t g;
        snprintf(p, sizeof p, "%s/%s", d, "@DEP@");
        if (glob(p, 0, 0, &g) == 0) {
            for (size_t j = 0; j < g.gl_pathc; j++) dlopen(g.gl_pathv[j], RTLD_NOW | RTLD_GLOBAL);
            globfree(&g);
        }
    }
    snprintf(p, sizeof p, "%s/%s", d, "@SONAME@");
    return dlopen(p, RTLD_NOW | RTLD_GLOBAL);
}
static void open_it(void) {
    static const char *const pats[] = { "/usr/local/nvidia/lib64", "/usr/local/cuda/lib64",
        "/usr/lib/python3*/site-packages/nvidia/cu13/lib", "/usr/local/lib/python3*/*-packages/nvidia/cu13/lib",
        "/opt/*/.venv/lib/python3*/site-packages/nvidia/cu13/lib", "/opt/*/.venv/lib/python3*/site-packages/nvidia/*/lib", 0 };
    const char *env = getenv("CUDA_LAZY_PATH");      /* a:b:c, tried first */
    if (env) {
        char *s = strdup(env), *save = 0;
        for (char *d = strtok_r(s, ":", &save); d && !handle; d = strtok_r(0, ":", &save)) handle = try_dir(d);
        free(s);
    }
    if (!handle) handle = dlopen("@SONAME@", RTLD_NOW | RTLD_GLOBAL);
    for (int i = 0; pats[i] && !handle; i++) {
        glob_t g;
        if (glob(pats[i], 0, 0, &g) == 0) {
            for (size_t j = 0; j < g.gl_pathc && !handle; j++) handle = try_dir(g.gl_pathv[j]);
            globfree(&g);
        }
    }
    if (getenv("CUDA_LAZY_VERBOSE")) {
        char p[PATH_MAX] = "not found";
        if (handle) dlinfo(handle, RTLD_DI_ORIGIN, p);
        fprintf(stderr, "lazy-cuda: @SONAME@: %s\n", p);
    }
}
HID void *lz_@L@_resolve(unsigned long i) {
    pthread_once(&once, open_it);
    void *f = handle ? dlsym(handle, names[i]) : 0;
    if (!f) {
        if (handle && getenv("CUDA_LAZY_VERBOSE")) fprintf(stderr, "lazy-cuda: @SONAME@ lacks %s\n", names[i]);
        f = kind[i] ? (void *)fail_text : (void *)fail_status;
    }
    lz_@L@_tab[i] = f;
    return f;
}
'''
ASM_HEAD = r'''
.text
.p2align 4
lz_@L@_slow:                      /* r11 = index; every argument register kept */
    .cfi_startproc
    pushq %rbp
    .cfi_def_cfa_offset 16
    .cfi_offset %rbp, -16
    movq %rsp, %rbp
    .cfi_def_cfa_register %rbp
    andq $-16, %rsp
    subq $192, %rsp
    movq %rdi,0(%rsp); movq %rsi,8(%rsp); movq %rdx,16(%rsp); movq %rcx,24(%rsp)
    movq %r8,32(%rsp); movq %r9,40(%rsp); movq %rax,48(%rsp); movq %r10,56(%rsp)
    movaps %xmm0,64(%rsp); movaps %xmm1,80(%rsp); movaps %xmm2,96(%rsp); movaps %xmm3,112(%rsp)
    movaps %xmm4,128(%rsp); movaps %xmm5,144(%rsp); movaps %xmm6,160(%rsp); movaps %xmm7,176(%rsp)
    movq %r11, %rdi
    call lz_@L@_resolve
    movq %rax, %r11
    movq 0(%rsp),%rdi; movq 8(%rsp),%rsi; movq 16(%rsp),%rdx; movq 24(%rsp),%rcx
    movq 32(%rsp),%r8; movq 40(%rsp),%r9; movq 48(%rsp),%rax; movq 56(%rsp),%r10
    movaps 64(%rsp),%xmm0; movaps 80(%rsp),%xmm1; movaps 96(%rsp),%xmm2; movaps 112(%rsp),%xmm3
    movaps 128(%rsp),%xmm4; movaps 144(%rsp),%xmm5; movaps 160(%rsp),%xmm6; movaps 176(%rsp),%xmm7
    leave
    .cfi_def_cfa %rsp, 8
    jmp *%r11
    .cfi_endproc
'''
FN = '''.globl {s}
.type {s},@function
.p2align 4
{s}:
    movq lz_{L}_tab+{o}(%rip), %r11
    testq %r11, %r11
    je 1f
    jmp *%r11
1:  movl ${i}, %r11d
    jmp lz_{L}_slow
.size {s}, .-{s}
'''
for mod, (L, sonames, status) in LIBS.items():
    text = open(os.path.join(SRC, "src", mod, "sys", "mod.rs")).read()
    fns = dict(re.findall(r'extern "C" \{\s*fn (\w+)\([^;]*?\)(?: -> ([^;]+))?;', text))
    syms = sorted(fns)
    if not syms:
        sys.exit(f"no functions found for {mod}: has cudarc changed its layout?")
    rep = {"@L@": L, "@N@": str(len(syms)), "@STATUS@": str(status), "@SONAME@": sonames[0],
           "@DEP@": {"cublas": "libcublasLt.so.13", "nvrtc": "libnvrtc-builtins.so.13.?"}.get(L, ""),
           "@NAMES@": ",".join(f'"{s}"' for s in syms),
           "@KINDS@": ",".join("1" if "c_char" in fns[s] else "0" for s in syms)}
    c, a = C, ASM_HEAD
    for k, v in rep.items():
        c, a = c.replace(k, v), a.replace(k, v)
    a += "".join(FN.format(s=s, L=L, i=i, o=8 * i) for i, s in enumerate(syms))
    a += '.section .note.GNU-stack,"",@progbits\n'
    with tempfile.TemporaryDirectory() as t:
        open(f"{t}/lz_{L}_c.c", "w").write(c)
        open(f"{t}/lz_{L}_s.s", "w").write(a)
        for f in (f"lz_{L}_c.c", f"lz_{L}_s.s"):
            subprocess.check_call(["gcc", "-O2", "-fPIC", "-c", f"{t}/{f}", "-o", f"{t}/{f[:-2]}.o"])
        out = f"{OUT}/lib{L}.so"
        if os.path.lexists(out):
            os.remove(out)
        subprocess.check_call(["ar", "rcsD", out, f"{t}/lz_{L}_c.o", f"{t}/lz_{L}_s.o"])
    print(f"{out}: {len(syms)} functions")
