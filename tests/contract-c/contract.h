/* What the tests share: the place they run in, and copies that are judged as they are made.
 * What is expected follows from what the probe answered there, so that one program serves every
 * file system. */
#ifndef CONTRACT_H
#define CONTRACT_H

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "files.h"
#include "system.h"

enum { MIB = 1 << 20, ODD = MIB + 12345, LARGE = 24 * MIB + 7 };

#define COUNT(array) (sizeof(array) / sizeof *(array))

/* What chmod does here: it is obeyed, refused, or answered with success and forgotten; or there are
 * no permission bits at all. */
enum modes { MODES_HELD, MODES_REFUSED, MODES_IGNORED, MODES_NONE };

/* What is known of the place. */
struct place {
    const char *other;   /* a directory on another volume, or NULL */
    const char *backing; /* the tests' directory as its server sees it, or NULL */
    struct reflink_capability capability;
    enum modes modes;
    bool hard_links, symlinks;
    bool publishes; /* a new name can be given without the danger of replacing one */
    bool
        stand_in; /* the backend of other Unixes, in the place of Linux's own (tests/portable.sh) */
};
extern struct place place;

bool clones(void);
/* The durability of copies whose durability is not what is tested. */
uint32_t new_file(void);
/* The client of SMB in Linux, whose own answers some tests accept; and a wait until it has really
 * closed what the tests closed, which it does a second later (its option closetimeo). */
bool on_smb(void);
void settle(void);
/* A name in place.other, for one call; NULL, and the test skipped, where there is none. */
const char *elsewhere(const char *name);

enum { EACH = 3 };
extern const uint32_t modes[EACH], durabilities[EACH]; /* from AUTO and ATOMIC on */
extern const char *const mode_names[EACH], *const durability_names[EACH];
/* Whether files can be made this way here. */
bool possible(uint32_t mode, uint32_t durability);

/* ---- Copies ---- */

/* One call and what came of it. */
struct copy {
    struct reflink_options options;
    struct reflink_result result;
    int code;
    bool times_moved; /* the file system gave the source other times meanwhile: servers do, when
                         they write it out */
};

struct copy copy_like(uint32_t mode, uint32_t if_exists, uint32_t durability);

/* Each call with a result full of rubbish; afterwards errno is as it was and the result agrees with
 * itself. */
int copy_file(struct copy *copy, const char *src, const char *dst);
int copy_at(struct copy *copy, handle src_dir, const char *src, handle dst_dir, const char *dst);
int copy_whole(struct copy *copy, handle src, handle dst);
int copy_range(struct copy *copy, handle src, uint64_t src_offset, handle dst, uint64_t dst_offset,
               uint64_t length);
uint64_t total(const struct copy *copy);

/* What a progress function looks at while the copy is under way. */
struct watch {
    const char *dst;
    bool unstaged; /* the name may be there already */
    bool replaces; /* `old` stands under it */
    struct seen old;
    unsigned allowed; /* permission bits that the result will have */
    int cancel_at;    /* the call that returns non-zero; 0: none */
    int calls;
    uint64_t first, done, total;
    bool private_name; /* one was seen */
};
void watch_copy(struct copy *copy, struct watch *watch);

/* Whether the copy may say that the source changed, though nobody wrote to it. */
bool may_seem_changed(const struct copy *copy);
/* Checks a copy that should have succeeded: every byte, and what the result says. */
bool check_copied(const struct copy *copy, const char *src, const char *dst, const char *what);
/* A copy from "src" to "dst" that must succeed, by the method that the probe promised. */
void good_copy(struct copy *copy, const char *what);
/* One that must fail and change nothing. */
void refused_copy(struct copy *copy, int code, uint32_t step, const char *what);
/* Nothing of the file is shared. */
void check_alone(const char *name);
/* What the file system says of "dst" and, on a network, its server. */
enum sharing sharing_here(uint64_t offset, uint64_t length);
enum sharing sharing_behind(uint64_t offset, uint64_t length);
const char *sharing_name(enum sharing value);

/* ---- The tests ---- */

/* Each list ends in a test without a name. "system" is what only this kind of system has. */
extern const struct test probe_tests[], argument_tests[], new_file_tests[], replace_tests[],
    overwrite_tests[], hole_tests[], progress_tests[], handle_tests[], sharing_tests[],
    name_tests[], tree_tests[], system_tests[], kept_tests[];

enum modes learn_modes(void);
/* Looks again, after a remount, at what kept_tests made. */
void verify_kept(void);
int killed_child(char **words);

#endif
