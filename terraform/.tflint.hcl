plugin "terraform" {
  enabled = true
  preset  = "all"
}

# main.tf, variables.tf and outputs.tf hold what a reader expects; what is long has a file of its own name.
rule "terraform_standard_module_structure" {
  enabled = false
}
