/* A shim for LD_PRELOAD that kills a process (SIGKILL) at its n-th call that changes something below one directory.
   $KILL_CONTROL names a file of `struct control`, shared by all processes that have the shim; while `root` is empty or
   `at` is 0 calls are only counted. With `half`, a write that is to die writes half of its bytes first. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static struct control { long at, half, seen; char root[4096]; } *control;

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("KILL_CONTROL");
  int descriptor = path ? open(path, O_RDWR | O_CLOEXEC) : -1;
  if (descriptor < 0) return;
  void *map = mmap(NULL, sizeof *control, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0);
  if (map != MAP_FAILED) control = map;
  close(descriptor);
}

static int below(const char *path) {
  size_t length = control ? strlen(control->root) : 0;
  return length && !strncmp(path, control->root, length) && (path[length] == '/' || !path[length]);
}

static int descriptor_below(int descriptor) {
  char name[64], path[PATH_MAX];
  if (!control || !control->root[0]) return 0;
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(name, path, sizeof path - 1);
  if (length < 0) return 0;
  path[length] = 0;
  return below(path);
}

static int path_below(int directory, const char *path) {
  char whole[2 * PATH_MAX];
  if (!control || !control->root[0] || !path) return 0;
  if (*path == '/') return below(path);
  if (directory != AT_FDCWD) return descriptor_below(directory);
  return getcwd(whole, PATH_MAX) && below(whole);
}

/* 1: this is the call to die at */
static int due(void) { return __sync_add_and_fetch(&control->seen, 1) == control->at; }
static void die(void) { kill(getpid(), SIGKILL); for (;;) pause(); }
static void count(int changes) { if (changes && due()) die(); }

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
    count((flags & (O_CREAT | O_TRUNC)) && path_below(AT_FDCWD, path)); return real(path, flags, mode); }
#define OPENS_AT(name) \
  int name(int directory, const char *path, int flags, ...) { \
    REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
    count((flags & (O_CREAT | O_TRUNC)) && path_below(directory, path)); return real(directory, path, flags, mode); }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)
FILE *fopen(const char *path, const char *mode) { REAL(fopen); count(*mode != 'r' && path_below(AT_FDCWD, path)); return real(path, mode); }
FILE *fopen64(const char *path, const char *mode) { REAL(fopen64); count(*mode != 'r' && path_below(AT_FDCWD, path)); return real(path, mode); }

#define WRITES(torn) if (descriptor_below(descriptor) && due()) { if (control->half) { if (torn < 0) die(); } die(); }
ssize_t write(int descriptor, const void *data, size_t size) {
  REAL(write); WRITES(real(descriptor, data, size / 2)) return real(descriptor, data, size); }
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
  REAL(pwrite); WRITES(real(descriptor, data, size / 2, at)) return real(descriptor, data, size, at); }
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
  REAL(pwrite64); WRITES(real(descriptor, data, size / 2, at)) return real(descriptor, data, size, at); }
ssize_t writev(int descriptor, const struct iovec *parts, int number) {
  REAL(writev); WRITES(real(descriptor, parts, number / 2)) return real(descriptor, parts, number); }
int fsync(int descriptor) { REAL(fsync); count(descriptor_below(descriptor)); return real(descriptor); }
int fdatasync(int descriptor) { REAL(fdatasync); count(descriptor_below(descriptor)); return real(descriptor); }
int ftruncate(int descriptor, off_t size) { REAL(ftruncate); count(descriptor_below(descriptor)); return real(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { REAL(ftruncate64); count(descriptor_below(descriptor)); return real(descriptor, size); }
int fchmod(int descriptor, mode_t mode) { REAL(fchmod); count(descriptor_below(descriptor)); return real(descriptor, mode); }
int chmod(const char *path, mode_t mode) { REAL(chmod); count(path_below(AT_FDCWD, path)); return real(path, mode); }
int rename(const char *from, const char *to) { REAL(rename); count(path_below(AT_FDCWD, to)); return real(from, to); }
int renameat(int before, const char *from, int after, const char *to) { REAL(renameat); count(path_below(after, to)); return real(before, from, after, to); }
int link(const char *from, const char *to) { REAL(link); count(path_below(AT_FDCWD, to)); return real(from, to); }
int linkat(int before, const char *from, int after, const char *to, int flags) { REAL(linkat); count(path_below(after, to)); return real(before, from, after, to, flags); }
int symlink(const char *to, const char *path) { REAL(symlink); count(path_below(AT_FDCWD, path)); return real(to, path); }
int symlinkat(const char *to, int directory, const char *path) { REAL(symlinkat); count(path_below(directory, path)); return real(to, directory, path); }
int unlink(const char *path) { REAL(unlink); count(path_below(AT_FDCWD, path)); return real(path); }
int unlinkat(int directory, const char *path, int flags) { REAL(unlinkat); count(path_below(directory, path)); return real(directory, path, flags); }
int remove(const char *path) { REAL(remove); count(path_below(AT_FDCWD, path)); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); count(path_below(AT_FDCWD, path)); return real(path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) { REAL(mkdirat); count(path_below(directory, path)); return real(directory, path, mode); }
int rmdir(const char *path) { REAL(rmdir); count(path_below(AT_FDCWD, path)); return real(path); }
ssize_t sendfile(int to, int from, off_t *at, size_t size) { REAL(sendfile); count(descriptor_below(to)); return real(to, from, at, size); }
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) { REAL(sendfile64); count(descriptor_below(to)); return real(to, from, at, size); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t size, unsigned flags) {
  REAL(copy_file_range); count(descriptor_below(to)); return real(from, at, to, there, size, flags); }
