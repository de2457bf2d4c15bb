//! Ranks, and what is computed from them.

/// Places from 1 for the highest value; equal values share the mean of their places.
pub(super) fn places(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..values.len()).collect();
    order.sort_by(|&one, &other| values[other].total_cmp(&values[one]));
    let mut places = vec![0.0; values.len()];
    let mut first = 0;
    while let Some(&leader) = order.get(first) {
        // −0.0 and 0.0 are equal, which `total_cmp` tells apart but sorts side by side.
        let tied = order[first..]
            .iter()
            .take_while(|&&index| values[index] == values[leader])
            .count();
        let shared = first as f64 + (tied as f64 + 1.0) / 2.0;
        for &index in &order[first..first + tied] {
            places[index] = shared;
        }
        first += tied;
    }
    places
}

/// Normal scores: the quantiles of the standard normal distribution that belong to the places
/// (Blom, 1958), the highest value's the highest, less their mean. All that a model's scale and shape
/// say is left out, so that a lap time, a rating and a probability compare.
pub(super) fn normal_scores(values: &[f64]) -> Vec<f64> {
    let count = values.len() as f64;
    let quantile = |place: f64| normal_quantile((count - place + 0.625) / (count + 0.25));
    let mut scores: Vec<f64> = places(values).into_iter().map(quantile).collect();
    // Ties are not always placed symmetrically.
    let mean = scores.iter().sum::<f64>() / count;
    scores.iter_mut().for_each(|score| *score -= mean);
    scores
}

/// Pearson's correlation; `None` where one side does not vary.
pub(super) fn correlation(one: &[f64], other: &[f64]) -> Option<f64> {
    let count = one.len() as f64;
    let mean_one = one.iter().sum::<f64>() / count;
    let mean_other = other.iter().sum::<f64>() / count;
    let (mut products, mut squares_one, mut squares_other) = (0.0, 0.0, 0.0);
    for (x, y) in one.iter().zip(other) {
        let (x, y) = (x - mean_one, y - mean_other);
        products += x * y;
        squares_one += x * x;
        squares_other += y * y;
    }
    let scale = (squares_one * squares_other).sqrt();
    (scale > 0.0 && scale.is_finite()).then(|| products / scale)
}

/// Spearman's rank correlation with ties by mean places; `None` where one side does not vary.
pub(super) fn spearman(one: &[f64], other: &[f64]) -> Option<f64> {
    correlation(&places(one), &places(other))
}

/// The quantile of the standard normal distribution at `share`, to seven digits (Wichura's PPND7,
/// algorithm AS 241, *Applied Statistics* 37, 1988). `share` lies between 0 and 1.
fn normal_quantile(share: f64) -> f64 {
    let centred = share - 0.5;
    if centred.abs() <= 0.425 {
        let r = 0.180_625 - centred * centred;
        let above = ((59.109_374_720 * r + 159.291_132_02) * r + 50.434_271_938) * r;
        let below = ((67.187_563_600 * r + 78.757_757_664) * r + 17.895_169_469) * r;
        return centred * (above + 3.387_132_717_9) / (below + 1.0);
    }
    let tail = share.min(1.0 - share).max(f64::MIN_POSITIVE);
    let r = (-tail.ln()).sqrt();
    let distance = if r <= 5.0 {
        let r = r - 1.6;
        let above = ((0.170_238_211_03 * r + 1.306_728_481_6) * r + 2.756_815_390_0) * r;
        (above + 1.423_437_277_7) / ((0.120_211_329_75 * r + 0.737_001_642_50) * r + 1.0)
    } else {
        let r = r - 5.0;
        let above = ((0.017_337_203_997 * r + 0.428_682_943_37) * r + 3.081_226_386_0) * r;
        (above + 6.657_905_115_0) / ((0.012_258_202_635 * r + 0.241_978_942_25) * r + 1.0)
    };
    distance.copysign(centred)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_values_share_a_place() {
        assert_eq!(places(&[5.0, 7.0, 5.0, 1.0]), [2.5, 1.0, 2.5, 4.0]);
        assert_eq!(places(&[0.0, -0.0]), [1.5, 1.5]);
        assert!(places(&[]).is_empty());
    }

    #[test]
    fn quantiles_are_those_of_the_tables() {
        for (share, quantile) in [
            (0.5, 0.0),
            (0.975, 1.959_964),
            (0.025, -1.959_964),
            (0.9, 1.281_552),
            (0.01, -2.326_348),
            (0.999, 3.090_232),
            (1e-12, -7.034_484),
        ] {
            let found = normal_quantile(share);
            assert!((found - quantile).abs() < 2e-6, "{share}: {found}");
        }
    }

    #[test]
    fn normal_scores_have_mean_zero_and_say_nothing_about_the_scale() {
        let scores = normal_scores(&[3.0, 1.0, 2.0, 2.0]);
        assert!(scores.iter().sum::<f64>().abs() < 1e-12);
        assert_eq!(scores, normal_scores(&[1e9, -5.0, 0.0, 0.0]));
        assert!(scores[0] > scores[2] && scores[2] == scores[3] && scores[3] > scores[1]);
        assert_eq!(normal_scores(&[4.0, 4.0, 4.0]), [0.0; 3]);
    }

    #[test]
    fn what_does_not_vary_correlates_with_nothing() {
        assert_eq!(spearman(&[1.0, 1.0], &[1.0, 2.0]), None);
        assert_eq!(spearman(&[], &[]), None);
        assert_eq!(spearman(&[1.0, 2.0, 3.0], &[10.0, 20.0, 90.0]), Some(1.0));
    }
}
