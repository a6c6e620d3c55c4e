//! A meta-optimizer that misbehaves on request.

use std::hint::black_box;
use std::sync::atomic::{AtomicU32, Ordering};

use ft_plugin::{Description, Dropout, Dtype, Error, Examples, Gradient, MetaOptimizer, Objective, Options, Pass};
use ft_plugin::{Positions, Step, Tensor, Update, log};

const ATTACKS: [&str; 51] = [
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
    "million-passes",
    "million-likelihoods",
    "loop-of-proposals",
    "gradient-of-another-shape",
    "gradient-of-another-dtype",
    "gradient-of-too-few",
    "kept-cache",
    "hoard-of-gradients",
    "not-a-number-in-questions",
    "infinity-in-questions",
    "dropout-of-everything",
    "dropout-not-a-number",
    "repeated-order",
    "thousands-of-orders",
    "spans-beyond-the-cache",
    "spans-backwards",
    "thousands-of-spans",
    "loop-of-directions",
    "hoard-of-directions",
    "direction-not-a-number",
    "loss-not-a-number",
    "infinite-loss",
];

struct Hostile {
    attack: String,
    /// Tensors of earlier steps.
    kept: Vec<Tensor>,
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
                Ok(Self { attack: attack.into(), kept: Vec::new() })
            }
        }
    }

    /// Gives the proposed cache back as it is, unless an attack says otherwise.
    fn step(&mut self, step: &Step) -> Result<Update, Error> {
        let (asked, step, slots) = (step, step.number(), step.proposal()?);
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
            "loop-of-directions" => {
                let large = grown(first, 1 << 20);
                loop {
                    black_box(large.perturbed(7, 1.0));
                }
            }
            "hoard-of-directions" => loop {
                std::mem::forget(first.perturbed(7, 1.0));
            },
            "direction-not-a-number" => cache[0] = first.perturbed(7, f64::NAN),
            "loss-not-a-number" => return Ok(Update::new(cache).with_loss(f64::NAN).with_accepted(true)),
            "infinite-loss" => return Ok(Update::new(cache).with_loss(f64::NEG_INFINITY).with_accepted(false)),
            _ => self.ask(asked),
        }
        Ok(Update::new(cache))
    }
}

impl Hostile {
    /// The attacks that are questions. What has no answer is asked all the same.
    fn ask(&mut self, step: &Step) {
        let mut cache = step.cache();
        let order = |order: Vec<u32>| Pass { order, ..Pass::default() };
        let hidden = |hidden: Vec<std::ops::Range<u32>>| Pass { hidden, ..Pass::default() };
        let propose = |pass: Pass| drop(step.propose(&step.cache(), &pass));
        match self.attack.as_str() {
            "million-passes" => {
                for _ in 0..1_000_000 {
                    propose(Pass { positions: Positions::Restart, ..Pass::default() });
                }
            }
            "million-likelihoods" => {
                for _ in 0..1_000_000 {
                    drop(step.likelihood(&cache, Examples::HeldOut, Objective::Choice));
                }
            }
            "loop-of-proposals" => loop {
                drop(step.proposal());
            },
            "gradient-of-another-shape" => {
                cache[0] = Tensor::concat(&[&cache[0], &cache[0]], 1);
                drop(gradient(step, &cache, 0.0));
            }
            "gradient-of-another-dtype" => {
                cache[0] = in_another_dtype(&cache[0]);
                drop(gradient(step, &cache, 0.0));
            }
            "gradient-of-too-few" => drop(gradient(step, &cache[1..], 0.0)),
            "kept-cache" if self.kept.is_empty() => self.kept = cache,
            "kept-cache" => {
                drop(gradient(step, &self.kept, 0.0));
                drop(step.propose(&self.kept, &Pass::default()));
            }
            "hoard-of-gradients" => {
                while let Ok(Gradient { slots, .. }) = gradient(step, &cache, 0.0) {
                    self.kept.extend(slots);
                }
            }
            "not-a-number-in-questions" => ask_everything(step, f64::NAN),
            "infinity-in-questions" => ask_everything(step, f64::INFINITY),
            "dropout-of-everything" => drop(gradient(step, &cache, 1.0)),
            "dropout-not-a-number" => drop(gradient(step, &cache, f64::NAN)),
            "repeated-order" => propose(order(vec![0, 0])),
            "thousands-of-orders" => propose(order(vec![0; 1 << 20])),
            "spans-beyond-the-cache" => propose(hidden(std::iter::once(0..u32::MAX).collect())),
            "spans-backwards" => propose(hidden(vec![std::ops::Range { start: 2, end: 1 }])),
            "thousands-of-spans" => propose(hidden(vec![0..1; 1 << 20])),
            _ => {}
        }
    }
}

fn gradient(step: &Step, cache: &[Tensor], rate: f64) -> Result<Gradient, Error> {
    step.gradient(cache, Examples::LeaveOneOut, Objective::Choice, Dropout { rate, seed: 7 })
}

/// All kinds of questions about a cache whose every number is multiplied.
fn ask_everything(step: &Step, factor: f64) {
    let cache: Vec<Tensor> = step.cache().iter().map(|matrix| matrix.scale(factor)).collect();
    for objective in [Objective::Answer, Objective::Choice] {
        drop(step.likelihood(&cache, Examples::Demonstrations, objective));
        drop(step.gradient(&cache, Examples::LeaveOneOut, objective, Dropout::default()));
    }
    drop(step.propose(&cache, &Pass::default()));
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
