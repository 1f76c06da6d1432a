package lib.pods

import data.lib.objects

# Where each kind keeps the spec of its pods.
places := {
  "CronJob": ["spec", "jobTemplate", "spec", "template", "spec"],
  "DaemonSet": ["spec", "template", "spec"],
  "Deployment": ["spec", "template", "spec"],
  "Job": ["spec", "template", "spec"],
  "Pod": ["spec"],
  "PodTemplate": ["template", "spec"],
  "ReplicaSet": ["spec", "template", "spec"],
  "ReplicationController": ["spec", "template", "spec"],
  "StatefulSet": ["spec", "template", "spec"],
}

place := places[input.review.object.kind]

spec := objects.written(place)

# The path of a field of that spec, as people write it.
path(field) := concat(".", array.concat(place, [field]))

# The containers of one of the three lists, by their paths.
of(list) := {at: container |
  some index, container in spec[list]
  at := path(sprintf("%s[%d]", [list, index]))
}

containers[at] := container if {
  some list in ["initContainers", "containers", "ephemeralContainers"]
  some at, container in of(list)
}

# What a person calls a container.
name(container) := object.get(container, "name", "(no name)")

# What Linux knows of privileges cannot be said of a pod for Windows: the API server refuses it there.
windows if spec.os.name == "windows"
