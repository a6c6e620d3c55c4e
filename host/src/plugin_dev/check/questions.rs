//! The check of what an optimizer asks: which questions, how many passes they take, and what it makes of runs in which some of
//! them have no answer.

use candle_core::DType;

use super::harness::Harness;
use super::trial::{SHAPE, demonstrations, run, usual_demonstrations};
use ft_engine::tune::{Demonstrations, Examples, Objective, Question};

/// Steps whose questions are told.
const STEPS: usize = 6;

/// What the optimizer asks, and the most passes of a step. A run may have one demonstration, which cannot be left out, or
/// demonstrations that are not known one by one: then steps are taken, or refused in the orderly way.
pub(super) fn questions(harness: Harness<'_>) -> Result<String, String> {
    let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
    let (_, asked) = run(&mut optimizer, STEPS, DType::F32, &usual_demonstrations())?;
    let limit = harness.limits.passes;
    let one = with(harness, &demonstrations(SHAPE[1], 1, 0)).map_err(|error| format!("one demonstration: {error}"))?;
    let unknown = Demonstrations::of_tokens(vec![0; SHAPE[1]]);
    let unknown = with(harness, &unknown).map_err(|error| format!("demonstrations not known one by one: {error}"))?;
    Ok(format!(
        "{}: at most {} of {limit} passes a step; one demonstration: {one}; demonstrations not known one by one: {unknown}",
        listed(&asked.concat()),
        most_passes(&asked),
    ))
}

/// What comes of steps over these demonstrations.
///
/// # Errors
/// A failure that is not the optimizer's word in the orderly way.
fn with(harness: Harness<'_>, demonstrations: &Demonstrations) -> Result<String, String> {
    let mut optimizer = harness.optimizer(harness.options).map_err(|error| error.to_string())?;
    match run(&mut optimizer, STEPS, DType::F32, demonstrations) {
        Ok((_, asked)) => Ok(listed(&asked.concat())),
        Err(fault) => match fault.returned() {
            Some((kind, message)) => Ok(format!("{kind} ({message})")),
            None => Err(fault.into()),
        },
    }
}

/// The most passes of a step.
fn most_passes(asked: &[Vec<Question>]) -> usize {
    asked.iter().map(|of_step| of_step.iter().map(|question| question.passes()).sum()).max().unwrap_or(0)
}

/// The kinds of question among these, in the order in which they were first asked.
fn listed(asked: &[Question]) -> String {
    let mut kinds: Vec<String> = Vec::new();
    for kind in asked.iter().map(|question| kind(*question)) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    if kinds.is_empty() { "no question".into() } else { kinds.join(", ") }
}

fn kind(question: Question) -> String {
    let (of_what, examples, objective) = match question {
        Question::Proposal => return "proposals".into(),
        Question::Likelihood(examples, objective) => ("", examples, objective),
        Question::Gradient(examples, objective) => ("gradients of ", examples, objective),
    };
    let examples = match examples {
        Examples::LeaveOneOut => "leave-one-out",
        Examples::Demonstrations => "demonstration",
        Examples::HeldOut => "held-out",
    };
    let objective = match objective {
        Objective::Answer => "answer",
        Objective::Choice => "choice",
    };
    format!("{of_what}{examples} likelihoods ({objective})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_are_listed_once_and_passes_by_the_step() {
        let likelihood = Question::Likelihood(Examples::HeldOut, Objective::Choice);
        let gradient = Question::Gradient(Examples::LeaveOneOut, Objective::Answer);
        let asked = [vec![gradient, likelihood, gradient], vec![Question::Proposal, gradient], Vec::new()];
        assert_eq!(most_passes(&asked), 5);
        assert_eq!(
            listed(&asked.concat()),
            "gradients of leave-one-out likelihoods (answer), held-out likelihoods (choice), proposals"
        );
        assert_eq!((most_passes(&[]), listed(&[])), (0, "no question".to_owned()));
    }
}
