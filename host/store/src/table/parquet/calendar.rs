//! Dates and times as texts: `2020-01-02`, `03:04:05.678`, `2020-01-02 03:04:05.678901 +00:00`.
//!
//! Fractions have all digits of their unit, so that equal times of a column are equal texts. The calendar is the
//! Gregorian one for all times, as in ISO 8601.

/// What times of a column are counted in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fraction {
    Millis,
    Micros,
    Nanos,
}

impl Fraction {
    fn digits(self) -> usize {
        match self {
            Fraction::Millis => 3,
            Fraction::Micros => 6,
            Fraction::Nanos => 9,
        }
    }

    fn per_second(self) -> i128 {
        match self {
            Fraction::Millis => 1_000,
            Fraction::Micros => 1_000_000,
            Fraction::Nanos => 1_000_000_000,
        }
    }
}

/// The date so many days after 1970-01-01.
pub(crate) fn date(days: i64) -> String {
    let (year, month, day) = civil(days.into());
    let sign = if year < 0 { "-" } else { "" };
    format!("{sign}{:04}-{month:02}-{day:02}", year.unsigned_abs())
}

/// A time of day. One that no day has is counted on.
pub(crate) fn time(count: i128, fraction: Fraction) -> String {
    let sign = if count < 0 { "-" } else { "" };
    let count = count.abs();
    let (seconds, part) = (count / fraction.per_second(), count % fraction.per_second());
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!("{sign}{hours:02}:{minutes:02}:{seconds:02}.{part:0digits$}", digits = fraction.digits())
}

/// The point in time so long after the beginning of 1970; `utc` says that this is meant in UTC, and shows it.
pub(crate) fn timestamp(count: i128, fraction: Fraction, utc: bool) -> String {
    let day = 86_400 * fraction.per_second();
    let (days, rest) = (count.div_euclid(day), count.rem_euclid(day));
    // A count of 96 bits has no more days than this.
    let days = i64::try_from(days).unwrap_or(i64::MAX);
    let zone = if utc { " +00:00" } else { "" };
    format!("{} {}{zone}", date(days), time(rest, fraction))
}

/// Year, month and day of the day so many days after 1970-01-01.
///
/// Years begin in March here, so that the day that only some have is their last; 400 of them always have 146097 days.
fn civil(days: i128) -> (i128, i128, i128) {
    let days = days + 719_468;
    let (era, of_era) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (of_era - of_era / 1460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    (era * 400 + year + i128::from(month <= 2), month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_the_gregorian_calendar() {
        for (days, expected) in [
            (0, "1970-01-01"),
            (-1, "1969-12-31"),
            (59, "1970-03-01"),
            (11_016, "2000-02-29"),
            (-25_509, "1900-02-28"),
            (-25_508, "1900-03-01"),
            (-719_162, "0001-01-01"),
            (-719_163, "0000-12-31"),
            (-719_529, "-0001-12-31"),
            (2_932_896, "9999-12-31"),
            (2_932_897, "10000-01-01"),
        ] {
            assert_eq!(date(days), expected);
        }
        // No day is left out or there twice.
        let mut last = date(-800_000);
        for days in -799_999..-700_000 {
            let next = date(days);
            assert_ne!(next, last);
            last = next;
        }
        date(i64::MAX);
        date(i64::MIN);
    }

    #[test]
    fn times_have_all_digits_of_their_unit() {
        assert_eq!(time(1, Fraction::Millis), "00:00:00.001");
        assert_eq!(time(86_399_999_999_999, Fraction::Nanos), "23:59:59.999999999");
        assert_eq!(time(-1, Fraction::Micros), "-00:00:00.000001");
        assert_eq!(timestamp(-1, Fraction::Nanos, false), "1969-12-31 23:59:59.999999999");
        assert_eq!(timestamp(0, Fraction::Micros, true), "1970-01-01 00:00:00.000000 +00:00");
        timestamp(i64::MIN.into(), Fraction::Millis, true);
        timestamp(i128::MAX, Fraction::Millis, true);
    }
}
