# Debian's programs, recorded once by each rung (see programs.sh); the same acts every time.
# Nothing here has a random name, and what an earlier run left is gone before this one begins.
set -e
cd /tmp/ladder
tar -cf etc.tar /etc 2>/dev/null
find /etc /tmp/ladder -name '*s*' | sort -o found
sed s/root/toor/ found >changed
grep -rc root /etc >counts || true
for file in /etc/*; do read -r _ <"$file"; done
: <../ladder/found
ln -s found link
cat link /nothing 2>/dev/null || true
chown 1:1 found
chroot / true
nc -l -p 7272 </dev/null >received &
# 1C68 is 7272 and 0A says that somebody listens; then one connection.
for _ in {1..1000}; do
    if grep -q ':1C68 .* 0A ' /proc/net/tcp6; then break; fi
done
echo >/dev/tcp/127.0.0.1/7272
wait
