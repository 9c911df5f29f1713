/* SPDX-License-Identifier: Apache-2.0 */
/* What the analytics engine says of a VM. Rows as metric/table.h says. */
METRIC(ANOMALY, vm_anomaly_score, "vm.anomaly.score", GAUGE, DOUBLE, score, "ratio", STANDARD, NONE,
       "analytics",
       "How unusual the VM's last values are by all that came before: from 0.6 on it is worth a look, which is about once in 5 days and series where nothing is wrong; 1 is the limit.")
METRIC(ANOMALY, vm_anomaly_series, "vm.anomaly.series", GAUGE, U64, series, "count", DETAILED, NONE,
       "analytics", "Series of the VM that are watched for anomalies.")
METRIC(CONTRIBUTION, vm_anomaly_contribution, "vm.anomaly.contribution", GAUGE, DOUBLE, share,
       "ratio", DETAILED, NONE, "analytics",
       "The part of the VM's anomaly score that is due to this series; the three greatest.")
METRIC(CONTRIBUTION, vm_anomaly_series_score, "vm.anomaly.series_score", GAUGE, DOUBLE, score,
       "ratio", DETAILED, NONE, "analytics", "The anomaly score of that series alone.")
METRIC(TREND, vm_trend_per_hour, "vm.trend.per_hour", GAUGE, DOUBLE, per_hour, "unit per hour",
       DETAILED, NONE, "analytics",
       "Robust slope of the metric over the window, in the metric's own unit per hour.")
METRIC(TREND, vm_trend_significant, "vm.trend.significant", GAUGE, U64, significant, "bool",
       DETAILED, NONE, "analytics",
       "1 when a series without a trend would hardly look so: less than one in a hundred.")
METRIC(FORECAST, vm_forecast_mean, "vm.forecast.mean", GAUGE, DOUBLE, mean, "unit", DETAILED, NONE,
       "analytics", "Forecast mean of the metric over the next 24 hours, in its own unit.")
METRIC(FORECAST, vm_forecast_peak, "vm.forecast.peak", GAUGE, DOUBLE, peak, "unit", DETAILED, NONE,
       "analytics", "Highest hourly forecast of the next 24 hours.")
METRIC(FORECAST, vm_forecast_peak_low, "vm.forecast.peak_low", GAUGE, DOUBLE, peak_low, "unit",
       DETAILED, NONE, "analytics", "Lower end of that hour's 95 % interval.")
METRIC(FORECAST, vm_forecast_peak_high, "vm.forecast.peak_high", GAUGE, DOUBLE, peak_high, "unit",
       DETAILED, NONE, "analytics", "Upper end of that hour's 95 % interval.")
METRIC(FULL, vm_time_to_full_seconds, "vm.time_to_full_seconds", GAUGE, DOUBLE, seconds, "seconds",
       STANDARD, NONE, "analytics",
       "Time until memory or a disk is full, as likely later as sooner; absent when that is not within a year.")
METRIC(FULL, vm_full_within_24h, "vm.full.within_24h", GAUGE, DOUBLE, within_24h, "ratio", DETAILED,
       NONE, "analytics", "Chance that it is full within 24 hours.")
METRIC(FULL, vm_full_within_72h, "vm.full.within_72h", GAUGE, DOUBLE, within_72h, "ratio", STANDARD,
       NONE, "analytics", "Chance that it is full within three days.")
