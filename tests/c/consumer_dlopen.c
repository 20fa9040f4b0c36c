/* Loads, calls and unloads the library again and again from many threads, as a host of plug-ins
 * does. Each thread ends after its last dlclose. (Another test reads -z nodelete in the
 * library's headers.) */
#include <libreflink.h>

#include <dlfcn.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { THREADS = 16, ROUNDS = 50 };

typedef int (*copy_file)(const char *, const char *, const struct reflink_options *,
                         struct reflink_result *);

struct job {
    const char *library;
    int number;
};

/* ISO C knows no way from an object's address to a function's. */
static copy_file as_function(void *symbol)
{
    union {
        void *object;
        copy_file function;
    } both;

    both.object = symbol;
    return both.function;
}

static void *work(void *argument)
{
    const struct job *job = (const struct job *)argument;
    char name[64];
    int round;

    snprintf(name, sizeof(name), "copy-%d", job->number);
    for (round = 0; round < ROUNDS; round++) {
        struct reflink_options options = REFLINK_OPTIONS_INIT;
        struct reflink_result result = REFLINK_RESULT_INIT;
        void *library = dlopen(job->library, RTLD_NOW | RTLD_LOCAL);
        copy_file copy;

        if (library == NULL) {
            fprintf(stderr, "%s\n", dlerror());
            return argument;
        }
        copy = as_function(dlsym(library, "reflink_copy_file"));
        options.if_exists = REFLINK_REPLACE;
        if (copy == NULL || copy("source", name, &options, &result) != 0 ||
            copy("nowhere", name, &options, NULL) == 0 || dlclose(library) != 0)
            return argument;
    }
    return NULL;
}

/* argv[1]: an empty directory; argv[2]: libreflink.so.0 */
int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    struct job jobs[THREADS];
    FILE *source;
    int i, wrong = 0;

    if (argc != 3 || chdir(argv[1]) != 0)
        return 2;
    source = fopen("source", "w");
    if (source == NULL || fputs("bytes", source) < 0 || fclose(source) != 0)
        return 2;
    for (i = 0; i < THREADS; i++) {
        jobs[i].library = argv[2];
        jobs[i].number = i;
        if (pthread_create(&threads[i], NULL, work, &jobs[i]) != 0)
            return 2;
    }
    for (i = 0; i < THREADS; i++) {
        void *failed = NULL;

        if (pthread_join(threads[i], &failed) != 0 || failed != NULL)
            wrong++;
    }
    printf("%d threads of %d failed\n", wrong, THREADS);
    return wrong != 0;
}
