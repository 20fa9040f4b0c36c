/* Built with the header of the first release, run with any later library. Its structures may be
 * smaller than the library's: the library must not read or write beyond their end. Structures of
 * a newer program may be larger. */
#include <libreflink.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define CHECK(condition)                                                                           \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

/* Room for one structure that ends where the page after it faults: one byte too far is a SIGSEGV.
 */
static void *at_the_edge(size_t size)
{
    size_t page = (size_t)sysconf(_SC_PAGESIZE);
    char *room =
        (char *)mmap(NULL, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    CHECK(room != MAP_FAILED && mprotect(room + page, page, PROT_NONE) == 0);
    return room + page - size;
}

static void check_first_sizes(void)
{
    struct reflink_options first = REFLINK_OPTIONS_INIT;
    struct reflink_options *options = (struct reflink_options *)at_the_edge(sizeof(*options));
    struct reflink_result *result = (struct reflink_result *)at_the_edge(sizeof(*result));
    struct reflink_capability *capability =
        (struct reflink_capability *)at_the_edge(sizeof(*capability));

    memcpy(options, &first, sizeof(first));
    options->if_exists = REFLINK_REPLACE;
    result->size = sizeof(*result);
    CHECK(reflink_copy_file("source", "copy", options, result) == 0);
    CHECK(result->size == sizeof(*result) && result->method != REFLINK_METHOD_NONE);
    CHECK(result->bytes_cloned + result->bytes_copied + result->bytes_hole == 5);
    capability->size = sizeof(*capability);
    CHECK(reflink_probe(NULL, ".", capability) == 0 && capability->size == sizeof(*capability));
    CHECK(memchr(capability->fs_name, 0, sizeof(capability->fs_name)) != NULL);
}

static void check_smaller_sizes(void)
{
    struct reflink_options options = REFLINK_OPTIONS_INIT;
    struct reflink_result result = REFLINK_RESULT_INIT;
    struct reflink_capability capability = REFLINK_CAPABILITY_INIT;

    options.size--;
    CHECK(reflink_copy_file("source", "none", &options, NULL) == -EINVAL);
    result.size = 0;
    CHECK(reflink_copy_file("source", "none", NULL, &result) == -EINVAL);
    capability.size = sizeof(capability.size);
    CHECK(reflink_probe(NULL, ".", &capability) == -EINVAL);
    CHECK(access("none", F_OK) != 0);
}

/* What a program of a later release hands over: 64 bytes that this header does not know. */
static void check_larger_sizes(void)
{
    struct {
        struct reflink_options options;
        unsigned char later[64];
    } options;
    struct {
        struct reflink_result result;
        unsigned char later[64];
    } result;

    memset(&options, 0, sizeof(options));
    memset(&result, 0, sizeof(result));
    options.options.size = sizeof(options);
    options.options.if_exists = REFLINK_REPLACE;
    result.result.size = sizeof(result);
    CHECK(reflink_copy_file("source", "copy", &options.options, &result.result) == 0);
    CHECK(result.result.size == sizeof(result) && result.result.method != REFLINK_METHOD_NONE);
    options.later[63] = 1;
    CHECK(reflink_copy_file("source", "copy", &options.options, NULL) == -E2BIG);
}

/* argv[1]: an empty directory */
int main(int argc, char **argv)
{
    FILE *source;

    CHECK(argc == 2 && chdir(argv[1]) == 0);
    source = fopen("source", "w");
    CHECK(source != NULL && fputs("bytes", source) >= 0 && fclose(source) == 0);
    check_first_sizes();
    check_smaller_sizes();
    check_larger_sizes();
    printf("libreflink %s\n", reflink_version_string());
    return 0;
}
