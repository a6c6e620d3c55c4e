//! A meta-optimizer that misbehaves on request.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use ft_plugin::{Description, Dtype, Error, MetaOptimizer, Options, Step, Tensor, Update, log};

const ATTACKS: [&str; 29] = [
    "none",
    "error-in-open",
    "loop-in-open",
    "error",
    "loop",
    "loop-of-long-operations",
    "loop-of-long-messages",
    "loop-of-copies",
    "loop-of-concatenations",
    "many-handles",
    "memory",
    "panic",
    "log-flood",
    "tensor-hoard",
    "huge-shape",
    "wrong-count",
    "mismatched-shapes",
    "bad-range",
    "too-few",
    "too-many",
    "wrong-shape",
    "wrong-dtype",
    "not-a-number",
    "infinite",
    "escapes-in-errors",
    "huge-error",
    "huge-log",
    "unsteady-step",
    "nothing-over-nothing",
];

struct Hostile {
    attack: String,
}

/// The sessions so far; a rule that counts them gives another answer to each.
static SESSIONS: AtomicU32 = AtomicU32::new(0);

/// A line break, a terminal's "clear the screen", its bell, and a change of the writing direction.
const ESCAPES: &str = "one\ntwo\r\u{1b}[2J\u{7}\u{202e}three";

impl MetaOptimizer for Hostile {
    fn describe() -> Description {
        Description::new("hostile-optimizer", env!("CARGO_PKG_VERSION"), "misbehaves on request").choice(
            "attack",
            "none",
            &ATTACKS,
            "what to do to the host",
        )
    }

    fn new(options: &Options) -> Result<Self, Error> {
        match options.text("attack")? {
            "error-in-open" => Err(Error::invalid_option("no such luck")),
            "loop-in-open" => loop {
                black_box(0);
            },
            attack => {
                SESSIONS.fetch_add(1, Ordering::Relaxed);
                Ok(Self { attack: attack.into() })
            }
        }
    }

    /// Gives the proposed cache back as it is, unless an attack says otherwise.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let (step, slots) = (step.number(), step.proposal()?);
        let second = slots[1].previous.clone();
        let mut cache: Vec<Tensor> = slots.into_iter().map(|slot| slot.proposed).collect();
        let first = cache[0].clone();
        let moved = cache[1].add_scaled(&second, -1.0);
        match self.attack.as_str() {
            "error" => return Err(Error::failed(format!("no update at step {step}"))),
            "loop" => loop {
                black_box(0);
            },
            "loop-of-long-operations" => work_on_large_tensors(first),
            "loop-of-long-messages" => {
                let message = "x".repeat(30 << 20);
                loop {
                    log::debug(&message);
                }
            }
            "loop-of-copies" => {
                let large = grown(first, 1 << 20);
                loop {
                    black_box(large.read_with_copy());
                }
            }
            "loop-of-concatenations" => {
                let large = grown(first, 1 << 23);
                loop {
                    black_box(Tensor::concat(&[&large, &large], 1));
                }
            }
            "many-handles" => {
                let number = first.narrow(0, 0, 1).narrow(1, 0, 1).narrow(2, 0, 1);
                let many = vec![&number; 1 << 20];
                cache[0] = Tensor::concat(&many, 0);
            }
            "memory" => loop {
                std::mem::forget(black_box(vec![1u8; 1 << 20]));
            },
            "panic" => panic!("a panic in `step`, at step {step}"),
            "log-flood" => loop {
                log::info("glug ".repeat(20));
            },
            "tensor-hoard" => loop {
                std::mem::forget(first.scale(2.0));
            },
            "huge-shape" => cache[0] = Tensor::from_values(&[u32::MAX; 3], Dtype::Fp32, &[0.0]),
            "wrong-count" => cache[0] = Tensor::from_values(&[2, 3], Dtype::Fp32, &[0.0]),
            "mismatched-shapes" => cache[0] = first.add_scaled(&Tensor::concat(&[&first, &first], 1), 1.0),
            "bad-range" => cache[0] = first.narrow(1, u32::MAX, 2),
            "too-few" => drop(cache.pop()),
            "too-many" => cache.push(first),
            "wrong-shape" => cache[0] = Tensor::concat(&[&first, &first], 1),
            "wrong-dtype" => cache[0] = in_another_dtype(&first),
            "infinite" => cache[0] = first.scale(f64::INFINITY),
            "escapes-in-errors" => return Err(Error::failed(ESCAPES)),
            "huge-error" => return Err(Error::failed("x".repeat(100 << 20))),
            "huge-log" => log::info("x".repeat(100 << 20)),
            "unsteady-step" => cache[0] = first.scale(f64::from(SESSIONS.load(Ordering::Relaxed))),
            "nothing-over-nothing" => cache[1] = moved.div(&moved),
            "not-a-number" => cache[0] = first.scale(f64::NAN),
            _ => {}
        }
        Ok(Update::new(cache))
    }
}

/// Operations that take long each, until one of them is refused or interrupted.
fn work_on_large_tensors(first: Tensor) -> ! {
    let large = grown(in_another_dtype(&first), 1 << 27);
    loop {
        black_box(large.norm());
    }
}

/// A tensor of at least so many numbers, made of copies of another.
fn grown(mut tensor: Tensor, numbers: u32) -> Tensor {
    while tensor.shape().iter().product::<u32>() < numbers {
        tensor = Tensor::concat(&[&tensor, &tensor], 1);
    }
    tensor
}

fn in_another_dtype(tensor: &Tensor) -> Tensor {
    let dtype = if tensor.dtype() == Dtype::Fp16 { Dtype::Bf16 } else { Dtype::Fp16 };
    Tensor::from_values(&tensor.shape(), dtype, &tensor.read_with_copy())
}

ft_plugin::export_optimizer!(Hostile);
