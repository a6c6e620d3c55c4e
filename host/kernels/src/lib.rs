//! What the model computes on the CPU without the tensor library: products with weights that lie as the product wants
//! them, and element-wise work in one pass over memory.
//!
//! The only `unsafe` code of the model is in this crate. It has two reasons: instructions that not every processor
//! has, which are called after a look at the processor ([`Instructions`]), and products whose threads write strips of
//! columns of one matrix, which no safe slice describes. Every public function checks its slices first and is safe.

#![warn(missing_docs)]
#![warn(unreachable_pub)]
#![allow(unsafe_code)]
#![deny(clippy::print_stdout, clippy::print_stderr, clippy::dbg_macro)]
#![cfg_attr(test, allow(clippy::disallowed_methods, clippy::disallowed_types))]

mod bf16;
pub mod derivatives;
pub mod elementwise;
mod instructions;
mod lanes;
mod math;
mod panels;
mod product;
mod q8;
mod rows;
mod tile;
mod transposed;

pub use instructions::Instructions;
pub use panels::{Format, Panels};
pub use product::{product, product_bytes, product_of, strip};
pub use q8::{BLOCK, Block};
pub use rows::{Rows, RowsMut, padded, padded_bytes};
pub use tile::WIDTH;
pub use transposed::product_transposed;
