#!/bin/bash
# qemu-run.sh CACHE ROOT JOB SECONDS: boots the stock kernel under emulation, runs JOB/cmd in it and exits with its status.
# Never KVM: where it is nested it hangs instead of failing. ROOT is a folder of CACHE; JOB is /mnt/job in the guest.
set -u
cache=$1 root=$1/$2 job=$(realpath "$3") seconds=$4
kernel=$cache/kernel-trixie release=$(cat "$cache/kernel-trixie/release")
modules=$root/usr/lib/modules
[ -d "$modules/$release" ] || modules=$kernel/modules
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rm -f "$job/status"

# The module and what it depends on, in load order, unpacked.
add_module() {
    modprobe -d "$kernel/base" -S "$release" --show-depends "$1" 2>/dev/null | while read -r verb file _; do
        name=$(basename "${file%.xz}")
        [ "$verb" = insmod ] || continue
        ! grep -qx "$name" "$work/initrd/load" || continue
        case $file in
        *.xz) xz -dc "$file" >"$work/initrd/lib/$name" ;;
        *) cp "$file" "$work/initrd/lib/$name" ;;
        esac
        echo "$name" >>"$work/initrd/load"
    done
}

mkdir -p "$work"/initrd/{bin,dev,proc,sys,root,lib}
: >"$work/initrd/load"
cp "$(command -v busybox)" "$work/initrd/bin/"
for module in virtio_pci 9pnet_virtio 9p virtio_rng overlay; do
    add_module "$module"
done
cat >"$work/initrd/init" <<'INIT'
#!/bin/busybox sh
/bin/busybox --install -s /bin
export PATH=/bin
mount -t proc p /proc
mount -t devtmpfs d /dev
mount -t sysfs s /sys
while read -r module; do insmod "/lib/$module"; done </load
mount -t 9p -o trans=virtio,version=9p2000.L,msize=512000,ro,cache=loose root /root || poweroff -f
mount --move /dev /root/dev
umount /proc /sys
exec switch_root /root /sbin/guest-init
INIT
chmod +x "$work/initrd/init"
(cd "$work/initrd" && find . | cpio -o -H newc 2>/dev/null | gzip -1) >"$work/initrd.gz"

# Without cmpxchg16b: its emulation (qemu 7.2) once left garbage in the flags, and the guest panicked in kmalloc.
share() { echo "local,path=$1,mount_tag=$2,security_model=none,multidevs=remap$3"; }
timeout -k 5 "$seconds" qemu-system-x86_64 -M q35 -accel tcg,thread=multi -cpu max,cx16=off -smp 2 -m 3G \
    -nodefaults -no-user-config -display none -vga none -nic none -no-reboot -serial stdio -monitor none \
    -device virtio-rng-pci -virtfs "$(share "$root" root ,readonly=on)" -virtfs "$(share "$modules" mods ,readonly=on)" \
    -virtfs "$(share "$job" job "")" -kernel "$kernel/vmlinuz" -initrd "$work/initrd.gz" \
    -append "console=ttyS0 quiet loglevel=1 panic=-1 mitigations=off nokaslr tsc=reliable random.trust_cpu=on" \
    </dev/null 2>&1 | sed -u -e 's/\r//' -e '/reboot: Power down/d'
[ -s "$job/status" ] || { echo "qemu-run: the guest left no status (a limit of $seconds s?)" >&2; exit 125; }
exit "$(cat "$job/status")"
