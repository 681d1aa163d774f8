//! The smallest programs there are: nothing of what a container needs to start them is their own.

/// Exit status of [`ends`], so that nothing else is taken for its success.
pub(crate) const STATUS: i32 = 42;

/// Calls that [`waits`] makes.
pub(crate) const WAITING: [&str; 2] = ["pause", "ppoll"];

/// A program that ends at once with [`STATUS`].
pub(crate) fn ends() -> Vec<u8> {
    let code: &[u8] = if cfg!(target_arch = "aarch64") {
        // mov x0, 42; mov x8, exit (93 or exit_group, 94); svc 0
        &[0x40, 0x05, 0x80, 0xd2, 0xc8, 0x0b, 0x80, 0xd2, 0x01, 0x00, 0x00, 0xd4]
    } else {
        // mov edi, 42; mov eax, exit_group (231); syscall
        &[0xbf, 42, 0, 0, 0, 0xb8, 231, 0, 0, 0, 0x0f, 0x05]
    };
    elf(code)
}

/// A program that waits for ever.
pub(crate) fn waits() -> Vec<u8> {
    let code: &[u8] = if cfg!(target_arch = "aarch64") {
        // again: mov x0..x3, 0; mov x8, ppoll (73); svc 0; b again
        &[
            0x00, 0x00, 0x80, 0xd2, 0x01, 0x00, 0x80, 0xd2, 0x02, 0x00, 0x80, 0xd2, 0x03, 0x00, 0x80, 0xd2, 0x28, 0x09, 0x80, 0xd2, 0x01,
            0x00, 0x00, 0xd4, 0xfa, 0xff, 0xff, 0x17,
        ]
    } else {
        // again: mov eax, pause (34); syscall; jmp again
        &[0xb8, 34, 0, 0, 0, 0x0f, 0x05, 0xeb, 0xf7]
    };
    elf(code)
}

/// A static ELF file of one segment.
fn elf(code: &[u8]) -> Vec<u8> {
    const BASE: u64 = 0x40_0000;
    const HEADERS: u64 = 64 + 56;
    let machine: u16 = if cfg!(target_arch = "aarch64") { 183 } else { 62 };
    let size = HEADERS + u64::try_from(code.len()).unwrap_or_default();
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    // e_type EXEC, e_machine, e_version
    file.extend([2_u16.to_le_bytes(), machine.to_le_bytes()].concat());
    file.extend(1_u32.to_le_bytes());
    // e_entry, e_phoff, e_shoff, e_flags
    file.extend([BASE + HEADERS, 64, 0].map(u64::to_le_bytes).concat());
    file.extend(0_u32.to_le_bytes());
    // e_ehsize, e_phentsize, e_phnum, e_shentsize, e_shnum, e_shstrndx
    file.extend([64_u16, 56, 1, 0, 0, 0].map(u16::to_le_bytes).concat());
    // p_type LOAD, p_flags read and execute
    file.extend([1_u32, 5].map(u32::to_le_bytes).concat());
    // p_offset, p_vaddr, p_paddr, p_filesz, p_memsz, p_align
    file.extend([0, BASE, BASE, size, size, 0x1000].map(u64::to_le_bytes).concat());
    file.extend(code);
    file
}
