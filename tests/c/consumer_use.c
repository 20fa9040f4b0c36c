/* A program of somebody else, built outside the tree against what is installed: as C99, and as
 * C++11 too. Copies, replaces, copies a range, probes, and compares the header's version with that
 * of the library. */
#include <libreflink.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            return 1;                                                                              \
        }                                                                                          \
    } while (0)

enum { LENGTH = 300000 };

static char data[LENGTH], copy[LENGTH + 1];

static int write_source(const char *name)
{
    int file = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
    size_t i;
    ssize_t done;

    for (i = 0; i < LENGTH; i++)
        data[i] = (char)(i * 31 + i / 4096);
    done = write(file, data, LENGTH);
    return close(file) == 0 && done == LENGTH;
}

static int same(const char *name)
{
    int file = open(name, O_RDONLY);
    ssize_t done = read(file, copy, sizeof(copy));

    return close(file) == 0 && done == LENGTH && memcmp(data, copy, LENGTH) == 0;
}

static int copy_files(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;

    CHECK(write_source("source"));
    CHECK(reflink_copy_file("source", "copy", NULL, &result) == 0);
    CHECK(result.bytes_cloned + result.bytes_copied + result.bytes_hole == LENGTH && same("copy"));

    errno = 77;
    CHECK(reflink_copy_file("source", "copy", NULL, &result) == -EEXIST && errno == 77);
    CHECK(strcmp(reflink_err_name(-EEXIST), "EEXIST") == 0);
    options.if_exists = REFLINK_REPLACE;
    options.preserve = REFLINK_PRESERVE_TIMES;
    CHECK(reflink_copy_file_at(AT_FDCWD, "source", AT_FDCWD, "copy", &options, &result) == 0);
    CHECK(same("copy"));
    CHECK(reflink_copy_file("source", "source", &options, &result) == REFLINK_ERR_SAME_FILE);
    options.mode = 99;
    CHECK(reflink_copy_file("source", "other", &options, &result) == -EINVAL);
    CHECK(access("other", F_OK) != 0);
    return 0;
}

static int copy_descriptors(void)
{
    struct reflink_result result = REFLINK_RESULT_INIT;
    int from = open("source", O_RDONLY);
    int to = open("range", O_RDWR | O_CREAT | O_TRUNC, 0600);

    CHECK(from >= 0 && to >= 0);
    CHECK(reflink_copy_range(from, 0, to, 0, 5000, NULL, &result) == 0);
    CHECK(reflink_copy_range(from, 5000, to, 5000, REFLINK_TO_EOF, NULL, &result) == 0);
    CHECK(result.bytes_cloned + result.bytes_copied + result.bytes_hole == LENGTH - 5000);
    CHECK(same("range"));
    CHECK(ftruncate(to, 0) == 0);
    CHECK(reflink_copy_fd(from, to, NULL, NULL) == 0 && same("range"));
    CHECK(reflink_copy_fd(-1, to, NULL, NULL) == -EBADF);
    CHECK(close(from) == 0 && close(to) == 0);
    return 0;
}

static int ask(void)
{
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;
    int directory = open(".", O_RDONLY);

    CHECK(reflink_probe(NULL, ".", &capability) == 0);
    CHECK(capability.clone >= -1 && capability.clone <= 1 && capability.fs_name[0] != '\0');
    CHECK(reflink_probe_fd(-1, directory, &capability) == 0 && close(directory) == 0);
    CHECK(reflink_version_number() == REFLINK_VERSION_NUMBER);
    CHECK(strlen(reflink_version_string()) >= 5 && strlen(reflink_strerror(-EXDEV)) > 0);
    return 0;
}

/* argv[1]: an empty directory */
int main(int argc, char **argv)
{
    CHECK(argc == 2 && chdir(argv[1]) == 0);
    if (copy_files() != 0 || copy_descriptors() != 0 || ask() != 0)
        return 1;
    printf("libreflink %s\n", reflink_version_string());
    return 0;
}
