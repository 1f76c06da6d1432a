package baspherepodsecuritylabels

import data.lib.objects

violation contains {"msg": msg, "details": {"label": label}} if {
  some mode, floor in levels
  label := concat("/", ["pod-security.kubernetes.io", mode])
  level := objects.written(["metadata", "labels", label])
  not is_enough(level, floor)
  msg := sprintf("metadata.labels[%s]: is %s: must be %s", [label, shown(level), concat(" or ", allowed(floor))])
}

levels := object.union({"enforce": "baseline", "audit": "restricted", "warn": "restricted"}, input.parameters)

# From the weakest to the strictest.
order := ["privileged", "baseline", "restricted"]

allowed(floor) := [level |
  some index, level in order
  some least, name in order
  name == floor
  index >= least
]

is_enough(level, floor) if level in allowed(floor)

shown(level) := sprintf("%q", [level]) if not is_null(level)

shown(level) := "missing" if is_null(level)
---
package lib.objects

# What a request writes at a place of its object: null where there is nothing. It is undefined, and hence nothing is
# found, where something is deleted, and where an update leaves the place as it is: whoever takes away a finalizer or
# sets a label must not be held up by what was stored before this policy.
written(place) := wanted if {
  not input.review.operation == "DELETE"
  wanted := object.get(input.review.object, place, null)
  not stored(place, wanted)
}

stored(place, wanted) if {
  input.review.operation == "UPDATE"
  object.get(input.review.oldObject, place, null) == wanted
}
