//! AMX: `tdpbf16ps` multiplies 16 rows of 16 pairs with 16 pairs of 16 columns.
//!
//! The instructions are written out, because the compiler's own functions for them are not stable.
#![allow(unsafe_code)]

use std::arch::asm;

use super::Sums;
use crate::cpu::level::{Kind, Level};

/// Columns of a panel.
const WIDTH: usize = 32;
/// Bytes from one row of sums, or of a panel, to the next.
const ROW_BYTES: usize = 4 * WIDTH;

/// Whether the processor has these tiles and the system lets this process use them.
#[cfg(target_os = "linux")]
pub(crate) fn permitted() -> bool {
    use std::arch::x86_64::__cpuid_count;
    /// Of leaf 7: `amx-bf16` and `amx-tile`.
    const BF16_AND_TILE: u32 = 1 << 22 | 1 << 24;
    /// `arch_prctl`'s request for a part of the processor's state, and the number of the tiles' data.
    const REQUEST: libc::c_long = 0x1023;
    const TILE_DATA: libc::c_long = 18;
    let has = __cpuid_count(0, 0).eax >= 7 && __cpuid_count(7, 0).edx & BF16_AND_TILE == BF16_AND_TILE;
    // SAFETY: the call takes two numbers and touches no memory; a system that does not know it says so.
    has && unsafe { libc::syscall(libc::SYS_arch_prctl, REQUEST, TILE_DATA) == 0 }
}

/// Only Linux is asked.
#[cfg(not(target_os = "linux"))]
pub(crate) fn permitted() -> bool {
    false
}

/// What `ldtilecfg` reads.
#[repr(C, align(64))]
struct Configuration {
    palette: u8,
    start_row: u8,
    reserved: [u8; 14],
    row_bytes: [u16; 16],
    rows: [u8; 16],
}

/// This thread's tile registers: eight of 16 rows of 64 bytes, given back when dropped.
pub(super) struct Registers(());

impl Registers {
    pub(super) fn new(level: Level) -> Self {
        assert_eq!(level.kind(), Kind::Amx);
        let mut configuration =
            Configuration { palette: 1, start_row: 0, reserved: [0; 14], row_bytes: [0; 16], rows: [0; 16] };
        configuration.row_bytes[..8].fill(64);
        configuration.rows[..8].fill(16);
        // SAFETY: a `Level` of this kind proves the instruction; it reads 64 bytes, which is the structure's size.
        unsafe { asm!("ldtilecfg [{0}]", in(reg) &raw const configuration, options(nostack, readonly)) };
        Self(())
    }
}

impl Drop for Registers {
    fn drop(&mut self) {
        // SAFETY: whoever made `self` proved the instruction.
        unsafe { asm!("tilerelease", options(nostack, nomem)) };
    }
}

/// See `Tiles::accumulate`, which checked the sizes `[rows, pairs, vectors]`. Tile registers are configured.
pub(super) fn accumulate(level: Level, left: &[u32], right: &[u32], sizes: [usize; 3], sums: &mut Sums) {
    assert_eq!(level.kind(), Kind::Amx);
    let [rows, pairs, vectors] = sizes;
    assert!(left.len() == rows * pairs && right.len() == pairs * WIDTH && pairs % 16 == 0, "whole tiles");
    for row in (0..rows).step_by(32) {
        let left = left[row * pairs..].as_ptr();
        // SAFETY: a `Level` of this kind proves the instructions; `left` holds 16 or 32 rows from here on, `right` whole
        // rows of two tiles, and so do the sums of 32 rows.
        unsafe {
            let sums = sums.0[row * WIDTH..].as_mut_ptr();
            match (rows - row > 16, vectors > 1) {
                (true, true) => two_by_two(left, right.as_ptr(), pairs, sums),
                (true, false) => {
                    one_by_one(left, right.as_ptr(), pairs, sums);
                    one_by_one(left.add(16 * pairs), right.as_ptr(), pairs, sums.add(16 * WIDTH));
                }
                (false, true) => {
                    one_by_one(left, right.as_ptr(), pairs, sums);
                    one_by_one(left, right.as_ptr().add(16), pairs, sums.add(16));
                }
                (false, false) => one_by_one(left, right.as_ptr(), pairs, sums),
            }
        }
    }
}

/// 32 rows and 32 columns.
///
/// # Safety
/// Tile registers are configured; `left` holds 32 rows of `pairs` words, `right` `pairs` rows of 32, `sums` 32 of 32;
/// `pairs` is a multiple of 16 above zero.
unsafe fn two_by_two(left: *const u32, right: *const u32, pairs: usize, sums: *mut f32) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!(
            "tileloadd tmm0, [{c0} + {row}*1]",
            "tileloadd tmm1, [{c1} + {row}*1]",
            "tileloadd tmm2, [{c2} + {row}*1]",
            "tileloadd tmm3, [{c3} + {row}*1]",
            "2:",
            "tileloadd tmm4, [{a0} + {step}*1]",
            "tileloadd tmm6, [{b0} + {row}*1]",
            "tileloadd tmm5, [{a1} + {step}*1]",
            "tileloadd tmm7, [{b1} + {row}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "tdpbf16ps tmm1, tmm4, tmm7",
            "tdpbf16ps tmm2, tmm5, tmm6",
            "tdpbf16ps tmm3, tmm5, tmm7",
            "add {a0}, 64",
            "add {a1}, 64",
            "add {b0}, 2048",
            "add {b1}, 2048",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c0} + {row}*1], tmm0",
            "tilestored [{c1} + {row}*1], tmm1",
            "tilestored [{c2} + {row}*1], tmm2",
            "tilestored [{c3} + {row}*1], tmm3",
            a0 = inout(reg) left => _,
            a1 = inout(reg) left.add(16 * pairs) => _,
            b0 = inout(reg) right => _,
            b1 = inout(reg) right.add(16) => _,
            n = inout(reg) pairs / 16 => _,
            step = in(reg) 4 * pairs,
            row = in(reg) ROW_BYTES,
            c0 = in(reg) sums,
            c1 = in(reg) sums.add(16),
            c2 = in(reg) sums.add(16 * WIDTH),
            c3 = in(reg) sums.add(16 * WIDTH + 16),
            out("tmm0") _, out("tmm1") _, out("tmm2") _, out("tmm3") _,
            out("tmm4") _, out("tmm5") _, out("tmm6") _, out("tmm7") _,
            options(nostack)
        );
    }
}

/// 16 rows and 16 columns.
///
/// # Safety
/// As [`two_by_two`], for 16 rows and columns.
unsafe fn one_by_one(left: *const u32, right: *const u32, pairs: usize, sums: *mut f32) {
    // SAFETY: as the caller promises.
    unsafe {
        asm!(
            "tileloadd tmm0, [{c} + {row}*1]",
            "2:",
            "tileloadd tmm4, [{a} + {step}*1]",
            "tileloadd tmm6, [{b} + {row}*1]",
            "tdpbf16ps tmm0, tmm4, tmm6",
            "add {a}, 64",
            "add {b}, 2048",
            "dec {n}",
            "jnz 2b",
            "tilestored [{c} + {row}*1], tmm0",
            a = inout(reg) left => _,
            b = inout(reg) right => _,
            n = inout(reg) pairs / 16 => _,
            step = in(reg) 4 * pairs,
            row = in(reg) ROW_BYTES,
            c = in(reg) sums,
            out("tmm0") _, out("tmm4") _, out("tmm6") _,
            options(nostack)
        );
    }
}
