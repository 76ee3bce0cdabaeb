//! A day of the calendar, written as Python's `strftime` writes it.

const MONTHS: [&str; 12] = [
    "January",
    "February",
    "March",
    "April",
    "May",
    "June",
    "July",
    "August",
    "September",
    "October",
    "November",
    "December",
];
/// From the first of March, 1970-03-01 being a Sunday.
const WEEKDAYS: [&str; 7] = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];

/// A day of the Gregorian calendar.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Date {
    year: i32,
    month: u32,
    day: u32,
}

impl Default for Date {
    /// The day that Llama's templates name when nobody tells them today's.
    fn default() -> Self {
        Self { year: 2024, month: 7, day: 26 }
    }
}

impl Date {
    pub(crate) fn new(year: i32, month: u32, day: u32) -> Option<Self> {
        let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
        let days = match month {
            2 => 28 + u32::from(leap),
            4 | 6 | 9 | 11 => 30,
            1..=12 => 31,
            _ => 0,
        };
        ((1..=days).contains(&day) && (1..=9999).contains(&year)).then_some(Self { year, month, day })
    }

    /// The day in a format of `strftime`; times of day are midnight.
    pub(crate) fn format(self, format: &str) -> Result<String, String> {
        let mut text = String::new();
        let mut rest = format.chars();
        while let Some(letter) = rest.next() {
            if letter != '%' {
                text.push(letter);
                continue;
            }
            let mut directive = rest.next();
            let padded = directive != Some('-');
            if !padded {
                directive = rest.next();
            }
            text.push_str(
                &self.part(directive, padded).ok_or_else(|| {
                    format!("strftime_now does not know `%{}` in `{format}`", directive.unwrap_or(' '))
                })?,
            );
        }
        Ok(text)
    }

    fn part(self, directive: Option<char>, padded: bool) -> Option<String> {
        let number = |value: u32| if padded { format!("{value:02}") } else { value.to_string() };
        let month = MONTHS[self.month as usize - 1];
        Some(match directive? {
            'd' => number(self.day),
            'm' => number(self.month),
            'y' => number(self.year.rem_euclid(100) as u32),
            'Y' => self.year.to_string(),
            'B' => month.to_owned(),
            'b' => month[..3].to_owned(),
            'A' => self.weekday().to_owned(),
            'a' => self.weekday()[..3].to_owned(),
            'H' | 'M' | 'S' => number(0),
            '%' => "%".to_owned(),
            _ => return None,
        })
    }

    fn weekday(self) -> &'static str {
        // Years that begin in March end with the leap day.
        let (year, month) = if self.month > 2 { (self.year, self.month - 3) } else { (self.year - 1, self.month + 9) };
        let leap_days = |year: i32| year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
        let years = (year - 1970) * 365 + leap_days(year) - leap_days(1970);
        let months = (153 * month as i32 + 2) / 5;
        let days = years + months + self.day as i32 - 1;
        WEEKDAYS[days.rem_euclid(7) as usize]
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
    fn days_that_do_not_exist_are_refused() {
        assert!(Date::new(2023, 2, 29).is_none() && Date::new(1900, 2, 29).is_none());
        assert!(Date::new(2000, 2, 29).is_some());
        assert!(Date::new(2024, 13, 1).is_none() && Date::new(2024, 4, 31).is_none());
    }
}
