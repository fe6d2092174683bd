/* A shim for LD_PRELOAD that lets the n-th call below one directory fail, once or from then on.
   $FAILING_CALL names a file of `struct control`, shared by all processes that have the shim, so that they count together.
   `error` is an errno, or 0: a write that writes half of its bytes. With `reads`, calls that only read or look count too,
   but of the same one by the same process only the first in a run: who waits for something makes it again and again.
   Calls that the error makes no sense for are not counted: no disk is too full to remove a file. */
#define _GNU_SOURCE
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

static struct control { long run, at, lasting, error, reads, seen, failed; char what[512], root[4096]; } *control;

enum kind { LOOK, READ, WRITE, SYNC, MAKE, NAME, REMOVE, MODE };

#define REAL(name) static __typeof__(name) *real; if (!real) real = dlsym(RTLD_NEXT, #name)

__attribute__((constructor)) static void start(void) {
  const char *path = getenv("FAILING_CALL");
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

/* The path of a descriptor; "" where it is of no interest. */
static const char *named(int descriptor, char *path) {
  char name[64];
  *path = 0;
  if (!control || !control->at || !control->root[0]) return path;
  snprintf(name, sizeof name, "/proc/self/fd/%d", descriptor);
  ssize_t length = readlink(name, path, PATH_MAX - 1);
  path[length < 0 ? 0 : length] = 0;
  return path;
}

static const char *whole(int directory, const char *path, char *to) {
  if (!control || !control->at || !path) return "";
  if (*path == '/') return path;
  if (directory == AT_FDCWD) { if (!getcwd(to, PATH_MAX)) return ""; }
  else named(directory, to);
  size_t length = strlen(to);
  snprintf(to + length, PATH_MAX, "/%s", path);
  return to;
}

/* Whether this process has made this very call before in this run. */
static int repeated(const char *call, const char *path) {
  static char made[1 << 16];
  static long run, process;
  if (run != control->run || process != getpid()) {
    memset(made, 0, sizeof made);
    run = control->run, process = getpid();
  }
  unsigned hash = 5381;
  for (; *call; call++) hash = hash * 33 + *call;
  for (; *path; path++) hash = hash * 33 + *path;
  char *known = &made[(hash ^ hash >> 16) & 0xffff];
  return *known || !(*known = 1);
}

static int sensible(enum kind kind) {
  if (kind <= READ && !control->reads) return 0;
  switch (control->error) {
    case 0: return kind == WRITE;
    case ENOSPC: return kind == WRITE || kind == SYNC || kind == MAKE || kind == NAME;
    case EPERM: return kind != WRITE && kind != SYNC;
    default: return 1;
  }
}

/* Whether this call is to fail. */
static int due(const char *call, enum kind kind, const char *path) {
  if (!control || !control->at || !below(path) || !sensible(kind) || (kind <= READ && repeated(call, path))) return 0;
  long now = __sync_add_and_fetch(&control->seen, 1);
  if (now != control->at && !(control->lasting && now > control->at)) return 0;
  if (__sync_add_and_fetch(&control->failed, 1) == 1)
    snprintf(control->what, sizeof control->what, "%d %s %s", getpid(), call, path + strlen(control->root));
  errno = control->error;
  return 1;
}

static enum kind opened(int flags) {
  if (flags & O_PATH) return LOOK;
  return flags & (O_CREAT | O_TRUNC) ? MAKE : flags & (O_WRONLY | O_RDWR) ? MODE : READ;
}

#define FAILS(name, kind, directory, path) \
  char there[2 * PATH_MAX]; if (due(#name, kind, whole(directory, path, there))) return -1
#define FAILS_OPEN(name, kind, descriptor) \
  char there[PATH_MAX]; if (due(#name, kind, named(descriptor, there))) return -1

#define OPENS(name) \
  int name(const char *path, int flags, ...) { \
    REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
    FAILS(name, opened(flags), AT_FDCWD, path); \
    return real(path, flags, mode); }
#define OPENS_AT(name) \
  int name(int directory, const char *path, int flags, ...) { \
    REAL(name); va_list more; va_start(more, flags); mode_t mode = va_arg(more, mode_t); va_end(more); \
    FAILS(name, opened(flags), directory, path); \
    return real(directory, path, flags, mode); }
OPENS(open)
OPENS(open64)
OPENS_AT(openat)
OPENS_AT(openat64)

#define STREAMS(name) \
  FILE *name(const char *path, const char *mode) { \
    REAL(name); char there[2 * PATH_MAX]; \
    if (due(#name, *mode == 'r' ? READ : MAKE, whole(AT_FDCWD, path, there))) return NULL; \
    return real(path, mode); }
STREAMS(fopen)
STREAMS(fopen64)

#define WRITES(name, half) \
  char there[PATH_MAX]; \
  if (due(#name, WRITE, named(descriptor, there))) { if (control->error) return -1; return half; }
ssize_t write(int descriptor, const void *data, size_t size) {
  REAL(write); WRITES(write, real(descriptor, data, (size + 1) / 2)) return real(descriptor, data, size); }
ssize_t pwrite(int descriptor, const void *data, size_t size, off_t at) {
  REAL(pwrite); WRITES(pwrite, real(descriptor, data, (size + 1) / 2, at)) return real(descriptor, data, size, at); }
ssize_t pwrite64(int descriptor, const void *data, size_t size, off64_t at) {
  REAL(pwrite64); WRITES(pwrite64, real(descriptor, data, (size + 1) / 2, at)) return real(descriptor, data, size, at); }
ssize_t writev(int descriptor, const struct iovec *parts, int number) {
  REAL(writev); WRITES(writev, real(descriptor, parts, (number + 1) / 2)) return real(descriptor, parts, number); }
ssize_t sendfile(int to, int from, off_t *at, size_t size) {
  REAL(sendfile); int descriptor = to; WRITES(sendfile, real(to, from, at, (size + 1) / 2)) return real(to, from, at, size); }
ssize_t sendfile64(int to, int from, off64_t *at, size_t size) {
  REAL(sendfile64); int descriptor = to; WRITES(sendfile64, real(to, from, at, (size + 1) / 2)) return real(to, from, at, size); }
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *where, size_t size, unsigned flags) {
  REAL(copy_file_range); int descriptor = to;
  WRITES(copy_file_range, real(from, at, to, where, (size + 1) / 2, flags)) return real(from, at, to, where, size, flags); }

ssize_t read(int descriptor, void *data, size_t size) {
  REAL(read); if (control && control->reads) { FAILS_OPEN(read, READ, descriptor); } return real(descriptor, data, size); }
ssize_t pread(int descriptor, void *data, size_t size, off_t at) {
  REAL(pread); if (control && control->reads) { FAILS_OPEN(pread, READ, descriptor); } return real(descriptor, data, size, at); }
ssize_t pread64(int descriptor, void *data, size_t size, off64_t at) {
  REAL(pread64); if (control && control->reads) { FAILS_OPEN(pread64, READ, descriptor); } return real(descriptor, data, size, at); }
#define LOOKS(name, kind) int name(const char *path, struct kind *found) { \
  REAL(name); if (control && control->reads) { FAILS(name, LOOK, AT_FDCWD, path); } return real(path, found); }
LOOKS(stat, stat)
LOOKS(stat64, stat64)
LOOKS(lstat, stat)
LOOKS(lstat64, stat64)
#define LOOKS_OPEN(name, kind) int name(int descriptor, struct kind *found) { \
  REAL(name); if (control && control->reads) { FAILS_OPEN(name, LOOK, descriptor); } return real(descriptor, found); }
LOOKS_OPEN(fstat, stat)
LOOKS_OPEN(fstat64, stat64)
#define LOOKS_AT(name, kind) int name(int directory, const char *path, struct kind *found, int flags) { \
  REAL(name); if (control && control->reads) { FAILS(name, LOOK, directory, path); } \
  return real(directory, path, found, flags); }
LOOKS_AT(fstatat, stat)
LOOKS_AT(fstatat64, stat64)
int access(const char *path, int mode) {
  REAL(access); if (control && control->reads) { FAILS(access, LOOK, AT_FDCWD, path); } return real(path, mode); }
ssize_t readlinkat(int directory, const char *path, char *to, size_t size) {
  REAL(readlinkat); if (control && control->reads) { FAILS(readlinkat, LOOK, directory, path); }
  return real(directory, path, to, size); }
DIR *opendir(const char *path) {
  REAL(opendir);
  if (control && control->reads) { char there[2 * PATH_MAX]; if (due("opendir", READ, whole(AT_FDCWD, path, there))) return NULL; }
  return real(path); }
struct dirent64 *readdir64(DIR *from) {
  REAL(readdir64);
  if (control && control->reads) { char there[PATH_MAX]; if (due("readdir64", READ, named(dirfd(from), there))) return NULL; }
  return real(from); }
int fsync(int descriptor) { REAL(fsync); FAILS_OPEN(fsync, SYNC, descriptor); return real(descriptor); }
int fdatasync(int descriptor) { REAL(fdatasync); FAILS_OPEN(fdatasync, SYNC, descriptor); return real(descriptor); }
/* A network mount may keep what it has to say of a write until then. What is closed is closed. */
int close(int descriptor) {
  REAL(close);
  char there[PATH_MAX];
  int mode = control && control->at ? fcntl(descriptor, F_GETFL) : O_RDONLY;
  if (mode < 0 || mode & O_PATH || !(mode & (O_WRONLY | O_RDWR))) return real(descriptor);
  int fails = due("close", SYNC, named(descriptor, there)), done = real(descriptor);
  if (!fails) return done;
  errno = control->error;
  return -1; }
int syncfs(int descriptor) { REAL(syncfs); FAILS_OPEN(syncfs, SYNC, descriptor); return real(descriptor); }
int ftruncate(int descriptor, off_t size) { REAL(ftruncate); FAILS_OPEN(ftruncate, MODE, descriptor); return real(descriptor, size); }
int ftruncate64(int descriptor, off64_t size) { REAL(ftruncate64); FAILS_OPEN(ftruncate64, MODE, descriptor); return real(descriptor, size); }
int fchmod(int descriptor, mode_t mode) { REAL(fchmod); FAILS_OPEN(fchmod, MODE, descriptor); return real(descriptor, mode); }
int chmod(const char *path, mode_t mode) { REAL(chmod); FAILS(chmod, MODE, AT_FDCWD, path); return real(path, mode); }
int rename(const char *from, const char *to) { REAL(rename); FAILS(rename, NAME, AT_FDCWD, to); return real(from, to); }
int renameat(int before, const char *from, int after, const char *to) {
  REAL(renameat); FAILS(renameat, NAME, after, to); return real(before, from, after, to); }
int link(const char *from, const char *to) { REAL(link); FAILS(link, NAME, AT_FDCWD, to); return real(from, to); }
int linkat(int before, const char *from, int after, const char *to, int flags) {
  REAL(linkat); FAILS(linkat, NAME, after, to); return real(before, from, after, to, flags); }
int symlink(const char *to, const char *path) { REAL(symlink); FAILS(symlink, NAME, AT_FDCWD, path); return real(to, path); }
int symlinkat(const char *to, int directory, const char *path) {
  REAL(symlinkat); FAILS(symlinkat, NAME, directory, path); return real(to, directory, path); }
int unlink(const char *path) { REAL(unlink); FAILS(unlink, REMOVE, AT_FDCWD, path); return real(path); }
int unlinkat(int directory, const char *path, int flags) {
  REAL(unlinkat); FAILS(unlinkat, REMOVE, directory, path); return real(directory, path, flags); }
int remove(const char *path) { REAL(remove); FAILS(remove, REMOVE, AT_FDCWD, path); return real(path); }
int rmdir(const char *path) { REAL(rmdir); FAILS(rmdir, REMOVE, AT_FDCWD, path); return real(path); }
int mkdir(const char *path, mode_t mode) { REAL(mkdir); FAILS(mkdir, MAKE, AT_FDCWD, path); return real(path, mode); }
int mkdirat(int directory, const char *path, mode_t mode) {
  REAL(mkdirat); FAILS(mkdirat, MAKE, directory, path); return real(directory, path, mode); }
