//! When a request of the hub is made again.

use std::time::Duration;

use crate::hub::error::HubError;

/// How often a request is made, and a transfer begun, before it is given up.
pub(crate) const TRIES: usize = 3;

/// The pause before the second try; the next is twice as long. A hub that cannot be reached is given up within seconds.
const FIRST_PAUSE: Duration = Duration::from_millis(400);

/// The longest that a hub may ask to wait before it is asked again: whoever is to wait longer should know why.
const LONGEST_WAIT: u64 = 30;

/// Answers of a server that is busy or about to be back.
const PASSING: [u16; 5] = [408, 500, 502, 503, 504];

/// How long to wait before the next try after `made` of them; `None` where it would not help, or not soon enough.
pub(crate) fn pause(error: &HubError, made: usize) -> Option<Duration> {
    match error {
        HubError::RateLimited { retry_after: Some(seconds), .. } => {
            (*seconds <= LONGEST_WAIT).then(|| Duration::from_secs(*seconds))
        }
        HubError::Status { status, .. } if !PASSING.contains(status) => None,
        HubError::RateLimited { .. }
        | HubError::Status { .. }
        | HubError::Unreachable { .. }
        | HubError::Cut { .. }
        | HubError::Damaged { .. } => Some(FIRST_PAUSE * 2_u32.pow(made.saturating_sub(1).min(TRIES) as u32)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::error::Wanted;
    use crate::hub_id::HubId;

    #[test]
    fn a_hub_is_not_asked_before_the_time_that_it_names() {
        let id = HubId::parse("a/b").unwrap();
        let wanted = || Box::new(Wanted { id: id.clone(), file: "x".into(), endpoint: "http://x".into() });
        let limited = |retry_after| HubError::RateLimited { wanted: wanted(), retry_after, with_token: false };
        let status = |status| HubError::Status { wanted: wanted(), status, message: None };
        let seconds = |error: HubError, made| pause(&error, made).map(|pause| pause.as_secs_f64());
        assert_eq!(seconds(limited(Some(2)), 1), Some(2.0));
        assert_eq!(seconds(limited(Some(30)), 2), Some(30.0));
        assert_eq!(seconds(limited(Some(31)), 1), None);
        assert_eq!((seconds(limited(None), 1), seconds(limited(None), 2)), (Some(0.4), Some(0.8)));
        assert_eq!((seconds(status(503), 1), seconds(status(418), 1)), (Some(0.4), None));
        assert_eq!(seconds(HubError::NoFile { wanted: wanted() }, 1), None);
    }
}
