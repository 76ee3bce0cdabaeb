//! Products of matrices whose entries are rounded to bf16: `C = A B` with `A` and `B` rounded (8 bits of mantissa, to
//! nearest even) and sums in f32.
//!
//! Both factors are packed before they meet: two neighbours along the inner dimension share a word, because that is what
//! the instructions multiply. [`Left`] holds the rows of `A`, [`Right`] the columns of `B` in panels. Either takes its
//! matrix as it lies or transposed, so that the three products of a linear map (`x W`, `dy Wᵀ`, `xᵀ dy`) are one.
//!
//! Every sum runs over the inner dimension in one order, whatever other rows and columns there are and however many
//! threads: a row's bits depend on nothing but the row, `B` and the [`Level`](crate::cpu::level::Level).

mod aligned;
mod left;
mod product;
mod right;
mod rounding;
mod shape;
#[cfg(test)]
mod tests;
mod tiles;
mod transpose;

pub(crate) use left::Left;
pub(crate) use product::multiply;
pub(crate) use right::Right;
#[cfg(test)]
pub(crate) use rounding::rounded;
#[cfg(target_arch = "x86_64")]
pub(crate) use tiles::amx_is_permitted;
