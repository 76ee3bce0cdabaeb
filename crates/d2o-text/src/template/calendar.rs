//! A day of the calendar, written as Python's `strftime` writes it.

use jiff::civil;
use jiff::fmt::strtime;

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Date(civil::Date);

impl Default for Date {
    /// The day that Llama's templates name when nobody tells them today's.
    fn default() -> Self {
        Self(civil::date(2024, 7, 26))
    }
}

impl Date {
    /// None where there is no such day in the years 1 to 9999.
    pub(super) fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        let year = i16::try_from(year).ok().filter(|year| (1..=9999).contains(year))?;
        civil::Date::new(year, month.try_into().ok()?, day.try_into().ok()?).ok().map(Self)
    }

    /// The day in a format of `strftime`; times of day are midnight.
    pub(super) fn format(self, format: &str) -> Result<String, String> {
        let midnight = self.0.at(0, 0, 0, 0);
        strtime::format(format, midnight).map_err(|error| format!("strftime_now cannot write `{format}`: {error}"))
    }

    /// What stands for the day in a template's fingerprint, which stored runs hold.
    pub(super) fn fingerprint(self) -> String {
        format!("Date {{ year: {}, month: {}, day: {} }}", self.0.year(), self.0.month(), self.0.day())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn well_known_days_fall_on_their_weekday() {
        // Neil Armstrong stepped on the moon on a Sunday, 2000 began on a Saturday, and the leap day of
        // 2024 was a Thursday.
        for (year, month, day, weekday) in
            [(1969, 7, 20, "Sunday"), (2000, 1, 1, "Saturday"), (2024, 2, 29, "Thursday")]
        {
            assert_eq!(Date::new(year, month, day).unwrap().format("%A").unwrap(), weekday);
        }
    }

    #[test]
    fn days_are_written_as_python_writes_them() {
        let day = Date::new(2025, 3, 4).unwrap();
        assert_eq!(day.format("%d %b %Y, %-d/%m/%y %H:%M 100%%").unwrap(), "04 Mar 2025, 4/03/25 00:00 100%");
        assert!(day.format("%Q").unwrap_err().contains("`%Q`"));
        assert!(day.format("50%").is_err());
    }

    #[test]
    fn fingerprints_of_stored_runs_stay() {
        assert_eq!(Date::default().fingerprint(), "Date { year: 2024, month: 7, day: 26 }");
    }

    #[test]
    fn days_that_do_not_exist_are_refused() {
        assert!(Date::new(2023, 2, 29).is_none() && Date::new(1900, 2, 29).is_none());
        assert!(Date::new(2000, 2, 29).is_some());
        assert!(Date::new(2024, 13, 1).is_none() && Date::new(2024, 4, 31).is_none());
        assert!(Date::new(0, 1, 1).is_none() && Date::new(10_000, 1, 1).is_none() && Date::new(2024, 1, 257).is_none());
    }
}
