# Files below mounts that only this process sees: a file system, a directory twice, one layer over another.
set -e
mkdir memory bound lower upper work over
mount -t tmpfs none memory
echo 1 > memory/file
mount --bind memory bound
cat bound/file
echo 2 > lower/below
mkdir memory/upper memory/work
if mount -t overlay -o lowerdir=lower,upperdir=memory/upper,workdir=memory/work none over; then
    cat over/below
    echo 3 >> over/below
    echo 4 > over/new
    umount over
fi
cp /bin/true memory/program
memory/program
bound/program
