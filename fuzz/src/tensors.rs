//! Tensors by their handles, as an optimizer reaches them: any shape, any handle, any order.

use ft_sandbox::Limits;
use ft_sandbox::fuzzing::tensor::{Dtype, HostTensor};
use ft_sandbox::fuzzing::tensors;
use wasmtime::component::Resource;

use super::input::{Input, assert_fit_to_be_shown};

/// Operations of one input.
const MOST: usize = 30;

/// Makes tensors and works on them; what is refused is told, and what is made has the shape that it has to have.
pub fn run(input: &mut Input<'_>, limits: Limits) {
    let budget = limits.tensor_bytes;
    let mut host = tensors(limits);
    // Numbers of handles; some are of tensors that are gone.
    let mut handles: Vec<u32> = Vec::new();
    for _ in 0..MOST {
        if input.0.is_empty() {
            break;
        }
        let operation = input.byte() % 15;
        let pick = |input: &mut Input<'_>| {
            let index = input.index();
            handles.get(index as usize).copied().unwrap_or(index)
        };
        let (first, second) = (pick(input), pick(input));
        let (a, b) = (Resource::new_borrow(first), Resource::new_borrow(second));
        let made = match operation {
            0 | 1 => {
                let shape = input.list(Input::index);
                let dtype = [Dtype::Fp32, Dtype::Fp16, Dtype::Bf16][input.index() as usize % 3];
                let elements = shape.iter().try_fold(1u32, |product, dim| product.checked_mul(*dim));
                let count =
                    elements.filter(|count| *count < 5000 && operation == 0).unwrap_or_else(|| input.index() % 100);
                let value = input.real() as f32;
                host.from_values(shape, dtype, vec![value; count as usize])
            }
            2 => host.concat(vec![a, b], input.index()),
            3 => host.zeros_like(a),
            4 => host.clone(a),
            5 => host.add_scaled(a, b, input.real()),
            6 => host.scale(a, input.real()),
            7 => host.mul(a, b),
            8 => host.div(a, b),
            9 => host.sqrt(a),
            10 => host.narrow(a, input.index(), input.index(), input.index()),
            11 => {
                let _ = (host.norm(a), host.dot(Resource::new_borrow(first), b));
                continue;
            }
            12 => {
                let _ = host.drop(Resource::new_own(first));
                continue;
            }
            13 => host.sign(a),
            _ => host.perturbed(a, u64::from(input.index()), input.real()),
        };
        match made {
            Ok(made) => {
                handles.push(made.rep());
                check(&mut host, made.rep(), budget);
            }
            Err(error) => assert_fit_to_be_shown(&error.to_string(), 4000),
        }
    }
}

/// The numbers are as many as the shape says, and within the budget.
fn check<H: HostTensor>(host: &mut H, handle: u32, budget: u64) {
    let shape = host.shape(Resource::new_borrow(handle)).expect("it was made");
    let numbers = host.read_with_copy(Resource::new_borrow(handle)).expect("it was made");
    assert_eq!(numbers.len() as u64, shape.iter().map(|dim| u64::from(*dim)).product::<u64>());
    assert!(!numbers.is_empty() && shape.len() <= 8 && 2 * numbers.len() as u64 <= budget, "{shape:?}");
}
