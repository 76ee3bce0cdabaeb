use super::*;

fn chart(values: &[f64]) -> Chart {
    let points = values.iter().enumerate().map(|(index, &y)| (index as f64 + 1.0, y)).collect();
    Chart {
        title: "loss",
        series: vec![Series { label: "loss", class: "main", points }],
        include: vec![],
        baseline: None,
        along: "step",
        size: (336.0, 170.0),
    }
}

fn paths(svg: &str) -> Vec<&str> {
    svg.split(r#" d="M"#).skip(1).map(|rest| rest.split('"').next().unwrap()).collect()
}

#[test]
fn the_ends_of_a_curve_meet_the_ends_of_the_plot() {
    let svg = chart(&[0.0, 1.0]).render().unwrap();
    // Steps 1 and 2 span 46…324; 0 and 1 are ticks themselves, so they span 146…10.
    assert_eq!(paths(&svg), ["46 146L324 10"]);
}

#[test]
fn a_value_that_is_none_leaves_a_gap() {
    let svg = chart(&[1.0, 2.0, f64::NAN, 3.0, 4.0, f64::INFINITY, 5.0]).render().unwrap();
    assert_eq!(paths(&svg).len(), 2);
    assert_eq!(svg.matches(r#"class="point"#).count(), 1, "the last point stands alone");
    assert_eq!(svg.matches("<title>").count(), 5);
    assert!(!svg.contains("NaN") && !svg.contains("inf"));
}

#[test]
fn one_point_is_a_disc_on_a_plot_with_room() {
    let svg = chart(&[0.7]).render().unwrap();
    assert!(paths(&svg).is_empty());
    assert!(svg.contains(r#"class="point main" cx="185""#), "{svg}");
}

#[test]
fn a_constant_series_is_a_level_line() {
    let svg = chart(&[3.0; 4]).render().unwrap();
    let path = paths(&svg)[0];
    let heights: Vec<&str> = path.split('L').map(|place| place.split(' ').nth(1).unwrap()).collect();
    assert!(heights.iter().all(|height| *height == heights[0]), "{path}");
    let height: f64 = heights[0].parse().unwrap();
    assert!((10.0..146.0).contains(&height));
}

#[test]
fn nothing_to_draw_is_no_plot() {
    assert_eq!(chart(&[]).render(), None);
    assert_eq!(chart(&[f64::NAN, f64::INFINITY]).render(), None);
}

#[test]
fn a_long_run_is_averaged_without_shifting_it() {
    let points: Vec<(f64, f64)> = (1..=4800).map(|step| (f64::from(step), f64::from(step))).collect();
    let thin = thinned(&points);
    // 4800 / 240 = 20 neighbours a point; the first is the mean of 1…20.
    assert_eq!(thin.len(), 240);
    assert!((thin[0].0 - 10.5).abs() < 1e-9);
    assert!(thin.iter().all(|(x, y)| (x - y).abs() < 1e-6));
}

#[test]
fn the_moving_mean_keeps_lines_and_gaps() {
    let mut points: Vec<(f64, f64)> = (0..48).map(|step| (f64::from(step), 2.0 * f64::from(step))).collect();
    assert!(moving_mean(&points).iter().all(|(x, y)| (2.0 * x - y).abs() < 1e-9));
    points[20].1 = f64::NAN;
    let smooth = moving_mean(&points);
    assert!(smooth[20].1.is_nan());
    assert_eq!(smooth.iter().filter(|(_, y)| y.is_nan()).count(), 1);
    assert_eq!(smooth[21].1, 42.0);
}

#[test]
fn labels_of_curves_that_end_together_do_not_overlap() {
    let mut chart = chart(&[1.0, 1.0]);
    for label in ["second", "third"] {
        chart.series.push(Series { label, class: "anchor", points: vec![(1.0, 0.0), (2.0, 1.0)] });
    }
    let svg = chart.render().unwrap();
    let mut places: Vec<f64> = svg
        .split(r#"<text class="name"#)
        .skip(1)
        .map(|rest| rest.split(r#" y=""#).nth(1).unwrap().split('"').next().unwrap().parse().unwrap())
        .collect();
    places.sort_by(f64::total_cmp);
    assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 30.0), "{places:?}");
}

#[test]
fn a_baseline_carries_its_meaning_escaped() {
    let mut chart = chart(&[1.0, 2.0]);
    chart.baseline = Some((5.0, "limit <5>".to_owned()));
    let svg = chart.render().unwrap();
    assert!(svg.contains("limit &lt;5&gt;"));
    assert!(svg.contains(r#"class="baseline""#));
}
