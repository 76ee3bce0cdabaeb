//! Which vector instructions this processor has, found out at run time.

use std::sync::OnceLock;

/// A set of instructions that this processor has; a value of this type proves it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Level(Kind);

/// The sets that kernels are compiled for, each containing the ones before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// What the compiler's target has anyway.
    Portable,
    /// AVX2 and FMA.
    #[cfg(target_arch = "x86_64")]
    Avx2,
    /// AVX-512 F, VL, BW, DQ.
    #[cfg(target_arch = "x86_64")]
    Avx512,
    /// The same with dot products of bf16 pairs.
    #[cfg(target_arch = "x86_64")]
    Avx512Bf16,
    /// The same with tiles of bf16 (AMX).
    #[cfg(target_arch = "x86_64")]
    Amx,
}

impl Level {
    /// The best that this processor has.
    pub fn best() -> Self {
        static BEST: OnceLock<Level> = OnceLock::new();
        *BEST.get_or_init(|| *Self::all().last().expect("the portable level is always there"))
    }

    /// Everything that this processor has, the portable level first: tests run each.
    pub fn all() -> Vec<Self> {
        let mut all = vec![Self(Kind::Portable)];
        #[cfg(target_arch = "x86_64")]
        if !cfg!(miri) && is_x86_feature_detected!("avx2") && is_x86_feature_detected!("fma") {
            all.push(Self(Kind::Avx2));
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq");
            if wide {
                all.push(Self(Kind::Avx512));
                if is_x86_feature_detected!("avx512bf16") {
                    all.push(Self(Kind::Avx512Bf16));
                    if crate::cpu::bf16::amx_is_permitted() {
                        all.push(Self(Kind::Amx));
                    }
                }
            }
        }
        all
    }

    /// Its name, for reports.
    pub fn name(self) -> &'static str {
        match self.0 {
            Kind::Portable => "portable",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512 => "avx512",
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 => "avx512-bf16",
            #[cfg(target_arch = "x86_64")]
            Kind::Amx => "amx-bf16",
        }
    }

    /// Whether it multiplies pairs of bf16 by instructions of their own; else they are multiplied as f32.
    pub fn multiplies_bf16(self) -> bool {
        match self.0 {
            #[cfg(target_arch = "x86_64")]
            Kind::Avx512Bf16 | Kind::Amx => true,
            _ => false,
        }
    }

    pub(crate) fn kind(self) -> Kind {
        self.0
    }
}

/// Compiles `body`, an `#[inline(always)]` function generic over "has fused multiply-add", for every
/// level, and makes a function that takes the level first.
macro_rules! multiversion {
    ($(#[$meta:meta])* fn $name:ident($($arg:ident: $type:ty),* $(,)?) $(-> $ret:ty)? = $body:ident) => {
        $(#[$meta])*
        #[allow(clippy::too_many_arguments, unsafe_code)]
        pub(crate) fn $name(level: $crate::cpu::level::Level, $($arg: $type),*) $(-> $ret)? {
            #[cfg(target_arch = "x86_64")]
            {
                #[target_feature(enable = "avx512f,avx512vl,avx512bw,avx512dq,avx2,fma")]
                fn wide($($arg: $type),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                #[target_feature(enable = "avx2,fma")]
                fn narrow($($arg: $type),*) $(-> $ret)? {
                    $body::<true>($($arg),*)
                }
                match level.kind() {
                    $crate::cpu::level::Kind::Portable => {}
                    // SAFETY: a `Level` of this kind is only made after the processor was seen to have
                    // AVX2 and FMA.
                    $crate::cpu::level::Kind::Avx2 => return unsafe { narrow($($arg),*) },
                    // SAFETY: likewise AVX-512 F, VL, BW and DQ.
                    _ => return unsafe { wide($($arg),*) },
                }
            }
            let _ = level;
            $body::<false>($($arg),*)
        }
    };
}
pub(crate) use multiversion;

/// `a · b + c`, fused where the instructions have it: without them `mul_add` would call a library.
#[inline(always)]
pub(crate) fn madd<const FMA: bool>(a: f32, b: f32, c: f32) -> f32 {
    if FMA { a.mul_add(b, c) } else { a * b + c }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_portable_level_is_always_there_and_the_best_is_last() {
        let all = Level::all();
        assert_eq!(all[0].name(), "portable");
        assert_eq!(all.last(), Some(&Level::best()));
        assert!(all.windows(2).all(|pair| pair[0].kind() < pair[1].kind()));
    }
}
