/* emulator DIR: prints a word for each thing that this program's emulator does not pass on to
 * the kernel. It does not use the library, so a lack found here is not the library's fault;
 * tests that need it are skipped. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* One struct file_dedupe_range with one struct file_dedupe_range_info behind it (linux/fs.h). */
static int dedupe_is_missing(int fd)
{
    uint64_t room[7] = {0};
    struct file_dedupe_range *range = (struct file_dedupe_range *)room;
    range->dest_count = 1;
    range->info[0].dest_fd = fd;
    return ioctl(fd, FIDEDUPERANGE, range) != 0 && (errno == ENOTTY || errno == ENOSYS);
}

int main(int argc, char **argv)
{
    const struct timespec times[2] = {{1000000000, 123456789}, {1000000000, 987654321}};
    struct stat status;
    int fd;
    if (argc != 2 || chdir(argv[1]) != 0)
        return fprintf(stderr, "usage: %s EMPTY_DIRECTORY\n", argv[0]), 2;
    fd = open("file", O_RDWR | O_CREAT | O_TRUNC, 0644);
    if (fd < 0 || futimens(fd, times) != 0 || fstat(fd, &status) != 0)
        return perror("emulator"), 2;
    if (status.st_mtim.tv_nsec != times[1].tv_nsec)
        puts("nanoseconds");
    if (dedupe_is_missing(fd))
        puts("dedupe");
    return 0;
}
