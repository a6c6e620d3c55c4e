//! What the model computes on the CPU without the tensor library: products with weights that lie as the product wants
//! them, and element-wise work in one pass over memory.
//!
//! The only `unsafe` code of the model is below this module. It has two reasons: instructions that not every processor
//! has, which are called after a look at the processor ([`Instructions`]), and products whose threads write strips of
//! columns of one matrix, which no safe slice describes. Every function that other modules can call checks its slices
//! first and is safe.
#![allow(unsafe_code)]
#![allow(
    unreachable_pub,
    reason = "the macro that makes functions for several sets of instructions has one visibility"
)]

mod bf16;
pub(crate) mod elementwise;
mod instructions;
mod lanes;
pub(crate) mod math;
mod panels;
mod product;
mod q8;
mod rows;
mod tile;

pub(crate) use instructions::Instructions;
pub(crate) use panels::{Format, Panels};
pub(crate) use product::{product, product_bytes, product_of, strip};
pub(crate) use q8::{BLOCK, Block};
pub(crate) use rows::{Rows, RowsMut, padded, padded_bytes};
pub(crate) use tile::WIDTH;
